"""Messages in Avro: with a schema given in any way, and with the header of Confluent's clients."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import wallarood as w
from wallarood.connectors.codecs.codec import NotReadableError

OLD = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "item", "type": "string"}, {"name": "count", "type": "int"}],
}
NEW = {**OLD, "fields": [*OLD["fields"], {"name": "city", "type": "string", "default": "Wien"}]}


@dataclass
class Order:
    item: str
    count: int


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "order.avsc"
    path.write_text(json.dumps(OLD))
    for schema in (OLD, json.dumps(OLD), str(path), path):
        codec = w.Avro(schema, record=Order)
        raw = codec.encoder("out")([Order("a", 1), {"item": "b", "count": 2}])
        assert raw == [b"\x02a\x02", b"\x02b\x04"]
        assert [codec.decoder()(each) for each in raw] == [Order("a", 1), Order("b", 2)]
    assert w.Avro(OLD).decoder()(b"\x02a\x02") == {"item": "a", "count": 1}


def test_a_header_says_which_schema_it_is() -> None:
    old = w.Avro(OLD, confluent_id=3)
    (raw,) = old.encoder("out")([{"item": "a", "count": 1}])
    assert raw == b"\x00\x00\x00\x00\x03\x02a\x02"
    new = w.Avro(NEW, confluent_id=4, older={3: OLD})
    assert new.decoder()(raw) == {"item": "a", "count": 1, "city": "Wien"}
    with pytest.raises(NotReadableError, match=r"ID 3, known are 4: say older=\{3: SCHEMA\}"):
        w.Avro(NEW, confluent_id=4).decoder()(raw)
    with pytest.raises(NotReadableError, match="no header of Confluent"):
        old.decoder()(b"\x02a\x02")


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x09a", b"\x02a\x02more", b"\xff" * 20])
def test_what_is_not_of_the_schema_cannot_be_read(raw: bytes) -> None:
    with pytest.raises(NotReadableError):
        w.Avro(OLD).decoder()(raw)


@pytest.mark.parametrize(
    "record",
    [{"item": "a"}, {"item": "a", "count": "x"}, {"item": "a", "count": 1, "more": 2}, 7],
)
def test_what_cannot_be_written_is_named(record: Any) -> None:
    with pytest.raises(w.ApplicationError, match=r"(?s)sink 'out' cannot write .*Avro.*record: "):
        w.Avro(OLD).encoder("out")([record])


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(w.ApplicationError, match=r"no\.avsc: No such file"):
        w.Avro(tmp_path / "no.avsc")
    with pytest.raises(w.ApplicationError, match="is not JSON"):
        w.Avro("{")
    with pytest.raises(w.ApplicationError, match="older is for messages with a header"):
        w.Avro(OLD, older={1: OLD})
    with pytest.raises(w.ApplicationError, match="the schema is wrong"):
        w.Avro({"type": "nonsense"}).decoder()
