"""The messages of a data channel: each comes out as it went in, and nonsense is refused."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.model.batch import Barrier, EndOfStream, Loaded, Watermark
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Incarnation
from wallarood.wire.peer import (
    TRACE_BYTES,
    Alive,
    Data,
    Grant,
    LinkHello,
    LinkRefused,
    MarkFrame,
    PeerMessage,
    decode_peer,
    encode_peer,
)

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
traces = st.binary(min_size=TRACE_BYTES, max_size=TRACE_BYTES)
names = st.text(st.characters(codec="utf-8"), max_size=10)
marks = (
    st.builds(Barrier, u32, u64)
    | st.builds(Watermark, st.integers(-(2**63), 2**63 - 1), st.booleans())
    | st.just(EndOfStream())
    | st.just(Loaded())
)
hellos = st.builds(
    LinkHello,
    names,
    names,
    st.builds(Incarnation, st.integers(0, 2**53), names),
    u32,
    st.lists(st.tuples(u32, u64)).map(tuple),
    st.booleans(),
)
messages = (
    hellos
    | st.builds(LinkRefused, names)
    | st.builds(Data, u32, u64, u32, st.binary(max_size=30), u32, st.just(b"") | traces)
    | st.builds(MarkFrame, u32, u64, u32, marks)
    | st.builds(Grant, u32, u64)
    | st.just(Alive())
)

HELLO = LinkHello("wc-1", "alpha", Incarnation(3, "n"), 2, ((0, 7),))
DATA = Data(edge=1, sequence=2, round=3, payload=b"columns", records=4)
MARK = MarkFrame(edge=1, sequence=2, round=3, mark=Barrier(3, 9))


@given(messages)
def test_every_message_comes_out_as_it_went_in(message: PeerMessage) -> None:
    assert decode_peer(encode_peer(message)) == message


def test_the_bytes_are_those_of_the_manual() -> None:
    """Another version reads them: they change with the protocol's version only."""
    assert encode_peer(DATA).hex() == "030000000100000000000000020000000300000004" + (
        b"columns".hex()
    )
    traced = attrs.evolve(DATA, trace=bytes(range(TRACE_BYTES)))
    assert encode_peer(traced) == b"\x07" + bytes(range(TRACE_BYTES)) + encode_peer(DATA)
    assert encode_peer(MARK).hex() == (
        "040000000100000000000000020000000301000000030000000000000009"
    )
    late = MarkFrame(1, 2, 3, Watermark(-1, idle=True))
    assert encode_peer(late).hex().endswith("02ffffffffffffffff01")
    assert encode_peer(MarkFrame(1, 2, 3, EndOfStream())).hex().endswith("03")
    assert encode_peer(Grant(1, 2)).hex() == "05000000010000000000000002"
    assert encode_peer(Alive()) == b"\x06"
    assert encode_peer(LinkRefused("no")) == b'\x02{"reason":"no"}'


@pytest.mark.parametrize("message", [HELLO, LinkRefused("no"), MARK, Grant(1, 2)])
def test_a_message_that_is_cut_short_is_refused(message: PeerMessage) -> None:
    whole = encode_peer(message)
    for size in range(len(whole)):
        with pytest.raises(RemoteProtocolError):
            decode_peer(whole[:size])


@pytest.mark.parametrize("size", range(21))
def test_data_that_is_cut_short_in_its_head_is_refused(size: int) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed message"):
        decode_peer(encode_peer(DATA)[:size] if size else b"\x03")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "unknown kind None"),
        (b"\x00", "unknown kind 0"),
        (b"\x08anything", "unknown kind 8"),
        (b"\x07" + bytes(23), "a trace on a data channel without records"),
        (b"\x07" + bytes(24), "a trace on a data channel without records"),
        (b"\x07" + bytes(24) + encode_peer(MARK), "a trace on a data channel without records"),
        (b"\x07" + bytes(24) + b"\x03", "malformed message"),
        (encode_peer(MARK)[:17] + b"\x05", "malformed mark of kind 5"),
        (encode_peer(MarkFrame(1, 2, 3, EndOfStream())) + b"more", "malformed mark of kind 3"),
        (encode_peer(MARK) + b"more", "malformed message"),
        (encode_peer(Grant(1, 2)) + b"more", "malformed message"),
        (b'\x01{"x":' + b"[" * 100_000, "malformed message"),
        (b'\x01{"cluster_id":"\xff"}', "malformed message"),
        (b"\x01{}", "malformed message"),
        (b'\x02{"reason":1}', "malformed message"),
    ],
)
def test_nonsense_is_the_peers_fault_and_nothing_else(data: bytes, said: str) -> None:
    with pytest.raises(RemoteProtocolError, match=said):
        decode_peer(data)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_message_or_the_peers_fault(data: bytes) -> None:
    try:
        message = decode_peer(data)
    except RemoteProtocolError:
        return
    assert decode_peer(encode_peer(message)) == message


def test_a_hello_of_another_version_says_nothing_of_traces() -> None:
    said = encode_peer(HELLO).replace(b',"traces":false', b"")
    assert said != encode_peer(HELLO)
    assert decode_peer(said) == HELLO
