"""Sources and sinks of messages take a codec where they take the name of a format."""

from typing import Any

import pytest

import wallarood as w
from wallarood.connectors.codecs.codec import NotReadableError
from wallarood.connectors.values import DECODE_ERRORS, decoded, decoder_of, encoder_of, record_of

SCHEMA = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}
CODEC = w.Avro(SCHEMA)


@pytest.mark.parametrize(
    "source",
    [
        w.KafkaSource("localhost:9092", "in", format=CODEC),
        w.RedisSource("redis://localhost", "in", format=CODEC),
        w.NatsSource("nats://localhost", "IN", "in", format=CODEC),
    ],
)
def test_sources_read_by_it(source: Any) -> None:
    assert source.record is Any
    assert source.format == CODEC


@pytest.mark.parametrize(
    "sink",
    [
        w.KafkaSink("localhost:9092", "out", format=CODEC),
        w.RedisSink("redis://localhost", "out", format=CODEC),
        w.RedisHashSink("redis://localhost", "out", key=str, format=CODEC),
        w.NatsSink("nats://localhost", "OUT", "out", format=CODEC),
    ],
)
def test_sinks_write_by_it(sink: Any) -> None:
    assert sink.format == CODEC


def test_values_are_read_and_written_by_it() -> None:
    raw = encoder_of("S", CODEC, "out")([{"n": 1}, {"n": 2}])
    decode = decoder_of(CODEC, record_of("S", CODEC, None))
    assert decode is not None
    assert decoded(decode, raw) == [{"n": 1}, {"n": 2}]
    assert decoded(decode, [*raw, b"\xff"]) is None
    assert NotReadableError in DECODE_ERRORS


def test_its_record_is_its_own() -> None:
    with pytest.raises(w.ApplicationError, match="S: record is said in format="):
        record_of("S", CODEC, dict)


@pytest.mark.parametrize("wrong", [w.Avro, 7, "avro"])
def test_anything_else_is_no_format(wrong: Any) -> None:
    with pytest.raises(w.ApplicationError, match=r"expected one of bytes.*w\.Avro"):
        record_of("S", wrong, None)
