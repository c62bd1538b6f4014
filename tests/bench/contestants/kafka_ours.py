"""Sums by key from a topic into another: ours. Arguments: BROKERS TOPIC OUT."""

import attrs

import wallarood as w


@attrs.define
class Sum:
    """Of one key; with slots, as is best for checkpoints."""

    total: int = 0


@w.state_computation(state=Sum)
def add(pair: tuple[str, int], state: Sum) -> tuple[str, int]:
    """The key and its sum by now."""
    state.total += pair[1]
    return pair[0], state.total


def key(pair: tuple[str, int]) -> str:
    """The key of a pair."""
    return pair[0]


def app(args: list[str]) -> w.Application:
    """From a topic to its end into another."""
    brokers, topic, out = args
    source = w.KafkaSource(brokers, topic, format="json", record=tuple[str, int], follow=False)
    return w.application(
        "sums",
        w.source("in", source)
        .key_by(key, name="by-key")
        .to(add)
        .to_sink(w.KafkaSink(brokers, out, key=key), name="out"),
    )
