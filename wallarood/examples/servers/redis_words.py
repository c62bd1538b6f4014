"""Words of streams of Redis are counted into a stream: each word once, whatever dies.

``wallarood dev wallarood.examples.servers.redis_words --workers 3 -- redis://localhost 'in-*' out``
"""

import wallarood as w
from wallarood.examples.servers.counting import counted, three


def app(args: list[str]) -> w.Application:
    """Arguments: the URL, a stream of lines or a pattern of several, and the stream of counts."""
    url, lines, counts = three(args, "redis_words", "URL STREAMS-OF-LINES STREAM-OF-COUNTS")
    source = w.source("lines", w.RedisSource(url, lines, format="text"))
    return w.application(
        "redis-words", counted(source).to_sink(w.RedisSink(url, counts), name="counts")
    )
