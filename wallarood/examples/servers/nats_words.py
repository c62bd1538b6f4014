"""Words of a stream of NATS JetStream are counted into another: each word once, whatever dies.

``wallarood dev wallarood.examples.servers.nats_words --workers 3 -- nats://localhost LINES COUNTS``
"""

import wallarood as w
from wallarood.examples.servers.counting import counted, three


def app(args: list[str]) -> w.Application:
    """Arguments: the URL, the stream of lines, and the stream of counts.

    Counts go to the subject ``STREAM.counts``. The stream must take atomic batches for its subjects
    ``STREAM.>``: ``nats stream add COUNTS --subjects 'COUNTS.>' --allow-batch --defaults``.
    """
    url, lines, counts = three(args, "nats_words", "URL STREAM-OF-LINES STREAM-OF-COUNTS")
    source = w.source("lines", w.NatsSource(url, lines, format="text"))
    sink = w.NatsSink(url, counts, f"{counts}.counts", marker_prefix=f"{counts}.markers")
    return w.application("nats-words", counted(source).to_sink(sink, name="counts"))
