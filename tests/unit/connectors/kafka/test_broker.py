"""What is said of the errors of librdkafka."""

from wallarood.connectors.kafka.broker import sentence_of


def test_the_same_trouble_is_said_in_the_same_words() -> None:
    said = "sasl_ssl://k:1/bootstrap: SASL authentication error: wrong (after 301ms in state AUTH)"
    assert sentence_of(said) == "SASL authentication error: wrong"
    again = "k:1/1: Connect to ipv4#1.2.3.4:1 failed: refused (after 0ms in state CONNECT, 3 id.)"
    assert sentence_of(again) == "k:1/1: Connect to ipv4#1.2.3.4:1 failed: refused"
    assert sentence_of("Broker: Unknown topic (or partition)").endswith("(or partition)")
