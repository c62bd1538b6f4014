"""The example of MQTT, as far as it goes without a broker."""

import pytest

import wallarood as w
from wallarood.examples.servers.meters import app, topic_of
from wallarood.model.errors import UsageError


def test_it_reads_and_publishes_at_one_broker() -> None:
    connectors = [step.connector for step in app(["mqtt://h"]).steps if step.connector is not None]
    assert [type(each) for each in connectors] == [w.MqttSource, w.MqttSink]
    assert topic_of(("kitchen", 1.5)) == "highest/kitchen"


def test_it_says_what_it_wants() -> None:
    with pytest.raises(UsageError, match="expected mqtt://HOST:PORT"):
        app([])
