"""Words of a topic of Kafka are counted into another: each word once, whatever dies.

``wallarood dev wallarood.examples.servers.kafka_words --workers 3 -- localhost:9092 words counts``
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
    """Arguments: the brokers as HOST:PORT, the topic of lines, and the topic of counts."""
    if len(args) != 3:
        raise UsageError("kafka_words: expected BROKERS TOPIC-OF-LINES TOPIC-OF-COUNTS")
    brokers, lines, counts = args
    return w.application(
        "kafka-words",
        w.source("lines", w.KafkaSource(brokers, lines, format="text"))
        .flat_map(str.split, name="split")
        .key_by(lambda word: word, name="by-word")
        .to(seen)
        .to_sink(w.KafkaSink(brokers, counts, key=lambda pair: pair[0]), name="counts"),
    )
