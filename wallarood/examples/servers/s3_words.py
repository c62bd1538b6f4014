"""Words of the objects below a prefix of S3 are counted into objects of another prefix.

``wallarood dev wallarood.examples.servers.s3_words --workers 3 -- s3://in/texts/ s3://out/counts/``

A third argument is the endpoint of a store that is not AWS, such as http://127.0.0.1:9000.
Credentials are those of the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""

import wallarood as w
from wallarood.model.errors import UsageError


class Seen:
    """How often a word has come."""

    count = 0


@w.state_computation(state=Seen)
def seen(word: str, state: Seen) -> tuple[str, int]:
    """The word, and how often it has come by now."""
    state.count += 1
    return word, state.count


def app(args: list[str]) -> w.Application:
    """Arguments: the URLs of texts and counts, and perhaps an endpoint."""
    if len(args) not in (2, 3):
        raise UsageError("s3_words: expected URL-OF-TEXTS URL-OF-COUNTS [ENDPOINT]")
    texts, counts, *others = args
    endpoint = others[0] if others else None
    return w.application(
        "s3-words",
        w.source("texts", w.S3Source(texts, endpoint=endpoint, readers=3))
        .flat_map(str.split, name="split")
        .key_by(lambda word: word, name="by-word")
        .to(seen)
        .to_sink(w.S3Sink(counts, endpoint=endpoint), name="counts"),
    )
