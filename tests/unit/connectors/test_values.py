"""Values of messages."""

from typing import Any

import msgspec
import pytest

from wallarood.connectors.values import decoded, decoder_of, encoder_of, record_of
from wallarood.model.errors import ApplicationError


@pytest.mark.parametrize(
    ("name", "values", "raw"),
    [
        ("bytes", [b"\xff", b""], [b"\xff", b""]),
        ("text", ["é\n", ""], ["é\n".encode(), b""]),
        ("json", [{"a": "x\ny"}, [1]], [b'{"a":"x\\ny"}', b"[1]"]),
        ("msgpack", [1, None], [b"\x01", b"\xc0"]),
    ],
)
def test_values_come_back_as_they_were(name: str, values: list[Any], raw: list[bytes]) -> None:
    assert encoder_of("Sink", name, "out")(values) == raw
    decode = decoder_of(name, record_of("Source", name, None))
    assert (raw if decode is None else decoded(decode, raw)) == values


def test_one_wrong_value_makes_a_batch_unreadable() -> None:
    decode = decoder_of("json", int)
    assert decode is not None
    assert decoded(decode, [b"1", b'"2"']) is None


@pytest.mark.parametrize(
    ("name", "record", "said"),
    [
        ("xml", None, "format='xml': expected one of bytes, text, json, msgpack, csv"),
        ("text", int, 'record is for format="json"'),
        ("json", {1}, "record={1}"),
    ],
)
def test_a_format_that_cannot_be_is_refused(name: str, record: Any, said: str) -> None:
    with pytest.raises(ApplicationError, match=f"^Source: {said}"):
        record_of("Source", name, record)


@pytest.mark.parametrize(("name", "value"), [("bytes", "text"), ("msgpack", object())])
def test_what_cannot_be_sent_is_named(name: str, value: Any) -> None:
    with pytest.raises(ApplicationError, match=r"sink 'out' .*\n  record: "):
        encoder_of("Sink", name, "out")([value])


def test_json_that_has_line_ends_in_it_stays_one_value() -> None:
    encode = encoder_of("KafkaSink", "json", "out")
    assert encode([msgspec.Raw(b'{"a":\n1}'), 2]) == [b'{"a":\n1}', b"2"]
