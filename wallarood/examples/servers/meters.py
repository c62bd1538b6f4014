"""Readings of meters, by MQTT: the highest of each meter, published and retained.

``wallarood dev wallarood.examples.servers.meters --workers 3 -- mqtt://localhost``; a reading is a
number, as of ``mosquitto_pub -V 5 -q 1 -t meters/kitchen/power -m 120``.
"""

import wallarood as w
from wallarood.model.errors import UsageError


class Highest:
    """The highest reading of a meter by now."""

    value = float("-inf")


def meter_of(reading: w.MqttMessage[float]) -> str:
    """The topic, as meters/kitchen/power, names the meter."""
    return reading.topic.split("/")[1]


@w.state_computation(state=Highest)
def highest(reading: w.MqttMessage[float], state: Highest) -> tuple[str, float] | None:
    """The meter and its reading, if that is higher than all before."""
    if reading.value <= state.value:
        return None
    state.value = reading.value
    return meter_of(reading), reading.value


def topic_of(found: tuple[str, float]) -> str:
    """Where the highest reading of a meter is published."""
    return f"highest/{found[0]}"


def app(args: list[str]) -> w.Application:
    """The argument: the broker."""
    if len(args) != 1:
        raise UsageError("meters: expected mqtt://HOST:PORT")
    source = w.MqttSource(
        args[0], "meters/+/power", client_id="meters", messages=True, record=float
    )
    return w.application(
        "meters",
        w.source("readings", source)
        .key_by(meter_of, name="by-meter")
        .to(highest)
        .to_sink(w.MqttSink(args[0], topic_of, retain=True)),
    )
