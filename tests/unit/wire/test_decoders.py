"""Every decoder takes any bytes: what is malformed is a `RemoteProtocolError`, and nothing else."""

import contextlib
import random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.model.batch import Barrier, Batch, EndOfStream, Watermark
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Incarnation
from wallarood.wire.control import decode
from wallarood.wire.frames import FrameDecoder
from wallarood.wire.peer import (
    Alive,
    Data,
    Grant,
    LinkHello,
    LinkRefused,
    MarkFrame,
    decode_peer,
    encode_peer,
)
from wallarood.wire.records.codec import RecordCodec
from wallarood.wire.records.untyped import PickleRule, RecordCodecError

PEER_MESSAGES = [
    LinkHello("wc-1", "alpha", Incarnation(1, "x"), 0, ((1, 2), (3, 4))),
    LinkRefused("why"),
    Data(1, 2, 3, b"payload", 4),
    Data(1, 2, 3, b"payload", 4, bytes(range(24))),
    MarkFrame(1, 2, 3, Barrier(4, 5)),
    MarkFrame(1, 2, 3, Watermark(-1_500_000, True)),
    MarkFrame(1, 2, 3, EndOfStream()),
    Grant(7, 1 << 40),
    Alive(),
]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """*data* with a few bytes changed, lost or added."""
    out = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(out) + 1)
        match rng.randrange(3):
            case 0 if place < len(out):
                out[place] = rng.randrange(256)
            case 1:
                del out[place : place + rng.randrange(4)]
            case _:
                out[place:place] = rng.randbytes(rng.randrange(4))
    return bytes(out)


@pytest.mark.parametrize("message", PEER_MESSAGES, ids=lambda m: type(m).__name__)
def test_a_peer_message_comes_out_as_it_went_in(message: Any) -> None:
    assert decode_peer(encode_peer(message)) == message


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for decoder in (decode, decode_peer, FrameDecoder(100).feed):
        with contextlib.suppress(RemoteProtocolError):
            decoder(data)


@given(st.sampled_from(PEER_MESSAGES), st.randoms(use_true_random=False))
def test_mutated_peer_messages(message: Any, rng: random.Random) -> None:
    with contextlib.suppress(RemoteProtocolError):
        decode_peer(mutated(encode_peer(message), rng))


# ---- records ------------------------------------------------------------------------------------


@attrs.frozen
class Order:
    number: int
    price: float | None
    tags: tuple[str, ...] = ()


keys = st.one_of(
    st.text(), st.binary(), st.booleans(), st.integers(), st.tuples(st.text(), st.booleans())
)
TYPED: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, st.text()),
    (tuple[str, int], st.tuples(st.text(), st.integers())),
    (dict[str, float], st.dictionaries(st.text(), st.floats(allow_nan=False))),
    (bytes, st.binary()),
    (Order, st.builds(Order, st.integers(0, 9), st.none() | st.floats(0, 1))),
    (Any, st.integers() | st.text() | st.tuples(st.integers(), st.text())),
]


@pytest.mark.parametrize("place", range(len(TYPED)), ids=lambda n: str(TYPED[n][0]))
@given(data=st.data())
def test_records_and_keys_come_out_as_they_went_in(place: int, data: st.DataObject) -> None:
    kind, values = TYPED[place]
    codec = RecordCodec.for_types(kind, rule=PickleRule.ALLOWED)
    records = data.draw(st.lists(values, min_size=1, max_size=8))
    these = data.draw(st.none() | st.lists(keys, min_size=len(records), max_size=len(records)))
    found = codec.decode(codec.encode(Batch(records, these)))
    assert found == Batch(records, these)
    assert list(map(type, found.values)) == list(map(type, records))
    if these is not None and found.keys is not None:
        assert list(map(type, found.keys)) == list(map(type, these))


@given(st.binary(max_size=100), st.sampled_from([kind for kind, _ in TYPED]))
def test_any_bytes_as_records(data: bytes, kind: Any) -> None:
    rule = PickleRule.ALLOWED if kind is Any else PickleRule.FORBIDDEN
    codec = RecordCodec.for_types(kind, rule=rule)
    with contextlib.suppress(RemoteProtocolError, RecordCodecError):
        codec.decode(bytes([data[0] & 28 if data else 0]) + data[1:])


@pytest.mark.parametrize(("kind", "records"), [(str, ["a", "b"]), (bytes, [b"a", b"b"])])
def test_keys_that_are_the_records_are_not_sent(kind: Any, records: list[Any]) -> None:
    codec = RecordCodec.for_types(kind, rule=PickleRule.FORBIDDEN)
    data = codec.encode(Batch(records, list(records)))
    assert len(data) == len(codec.encode(Batch(records)))
    found = codec.decode(data)
    assert found == Batch(records, records)
    assert found.kind is kind


@attrs.frozen
class Payment:
    amount: int
    payer: str
    payee: str


@pytest.mark.parametrize(
    ("kind", "records", "fields"),
    [
        (tuple[str, int], [("a", 1), ("b", 2)], ["a", "b"]),
        (tuple[int, bytes], [(1, b"a"), (2, b"b")], [b"a", b"b"]),
        (Payment, [Payment(1, "a", "b"), Payment(2, "a", "c")], ["b", "c"]),
    ],
)
def test_keys_that_are_a_field_of_the_records_are_not_sent(
    kind: Any, records: list[Any], fields: list[Any]
) -> None:
    codec = RecordCodec.for_types(kind, rule=PickleRule.FORBIDDEN)
    data = codec.encode(Batch(records, fields))
    assert len(data) == len(codec.encode(Batch(records))) + 1
    assert codec.decode(data) == Batch(records, fields)
    others = [fields[0], fields[0] + fields[1]]
    assert codec.decode(codec.encode(Batch(records, others))) == Batch(records, others)


@pytest.mark.parametrize(
    ("kind", "records", "item"),
    [
        (tuple[str, int], [("a", 1), ("b", 2)], 0),
        (tuple[str, int, str], [("a", 1, "a"), ("b", 2, "c")], 2),
        (list[str], [["a", "b"], ["c", "d"]], 1),
    ],
)
def test_an_item_that_is_known_to_be_the_key_is_found_as_one_that_is_not(
    kind: Any, records: list[Any], item: int
) -> None:
    codec = RecordCodec.for_types(kind, rule=PickleRule.FORBIDDEN)
    fields = [each[item] for each in records]
    known = Batch(records, fields, str, item)
    assert codec.encode(known) == codec.encode(Batch(records, fields))
    assert codec.decode(codec.encode(known)) == Batch(records, fields)


@pytest.mark.parametrize("change", [{0: 16 | 4 | 1}, {5: 1}])
def test_keys_that_are_said_to_be_a_field_that_there_is_not(change: dict[int, int]) -> None:
    codec = RecordCodec.for_types(tuple[str, int], rule=PickleRule.ALLOWED)
    data = bytearray(codec.encode(Batch([("a", 1)], ["a"])))
    for place, value in change.items():
        data[place] = value
    with pytest.raises(RemoteProtocolError):
        codec.decode(bytes(data))


@pytest.mark.parametrize("kind", [tuple[str, int], int, Any])
def test_keys_that_are_said_to_be_records_that_are_no_keys(kind: Any) -> None:
    codec = RecordCodec.for_types(kind, rule=PickleRule.ALLOWED)
    data = bytearray(codec.encode(Batch([5] if kind is int else [("a", 1)])))
    data[0] |= 4 | 8
    with pytest.raises(RemoteProtocolError, match="no keys"):
        codec.decode(bytes(data))
