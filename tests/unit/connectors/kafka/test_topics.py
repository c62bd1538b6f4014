"""What is asked about topics."""

from concurrent.futures import Future

import pytest

from wallarood.connectors.kafka import topics
from wallarood.connectors.kafka.broker import Broker
from wallarood.model.errors import ConfigurationError, PeersGoneError


def test_an_answer_that_never_comes_is_that_of_a_server_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topics, "TRY_S", -0.99)
    with pytest.raises(PeersGoneError, match="Kafka at x:1 does not answer"):
        topics.Topics(Broker("x:1"))._result(Future())


def test_a_missing_topic_is_left_out_where_it_need_not_be_there() -> None:
    empty = topics.Topics(Broker("x:1", {"test.mock.num.brokers": 1}))  # a broker of librdkafka
    assert empty.listed(["no-such", "^no-such"], missing="end") == []
    with pytest.raises(ConfigurationError, match="has no topic 'no-such'"):
        empty.listed(["no-such"])
