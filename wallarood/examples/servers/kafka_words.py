"""Words of a topic of Kafka are counted into another: each word once, whatever dies.

``wallarood dev wallarood.examples.servers.kafka_words --workers 3 -- localhost:9092 words counts``
"""

import wallarood as w
from wallarood.examples.servers.counting import counted, three


def app(args: list[str]) -> w.Application:
    """Arguments: the brokers as HOST:PORT, the topic of lines, and the topic of counts."""
    brokers, lines, counts = three(args, "kafka_words", "BROKERS TOPIC-OF-LINES TOPIC-OF-COUNTS")
    source = w.source("lines", w.KafkaSource(brokers, lines, format="text"))
    sink = w.KafkaSink(brokers, counts, key=lambda pair: pair[0])
    return w.application("kafka-words", counted(source).to_sink(sink, name="counts"))
