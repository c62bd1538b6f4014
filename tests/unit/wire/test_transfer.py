"""The messages of connections that carry parts: each comes out as it went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.model.change import PartName
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Incarnation
from wallarood.model.messages.replicas import (
    ChunkGroup,
    Credit,
    FileGone,
    FilePiece,
    FilesHeld,
    FilesSent,
    FileState,
    Has,
    Held,
    PartEnd,
    PartHead,
    PartPiece,
    PartRefused,
    PartWanted,
    ReplicaHello,
    StillThere,
    TransferHello,
    TransferMessage,
)
from wallarood.wire.peer import Alive, encode_peer
from wallarood.wire.transfer import decode_transfer, encode_transfer, opens_transfer

u32 = st.integers(0, 2**32 - 1)
u53 = st.integers(0, 2**53)
names = st.text(st.characters(codec="utf-8"), max_size=10)
parts = st.builds(PartName, u32, names, u32, u53)
lives = st.builds(Incarnation, u53, names)
slots = st.none() | st.lists(
    st.tuples(names, st.lists(u32, max_size=3).map(tuple)), max_size=3
).map(tuple)
messages = (
    st.builds(TransferHello, names, u32, names, lives)
    | st.builds(ReplicaHello, names, u32, names, lives, u32)
    | st.builds(PartWanted, parts, slots)
    | st.builds(PartHead, parts, st.dictionaries(names, u32 | names), u32, u53)
    | st.builds(PartPiece, names, u53, u32, st.booleans(), st.binary(max_size=30))
    | st.builds(PartEnd, parts)
    | st.builds(PartRefused, parts, names)
    | st.builds(Credit, u53)
    | st.builds(
        Has,
        st.lists(parts).map(tuple),
        st.lists(st.builds(ChunkGroup, names, u53, u32)).map(tuple),
        st.lists(st.builds(FileState, names, u53, u53)).map(tuple),
    )
    | st.builds(Held, parts)
    | st.just(StillThere())
    | st.builds(FilePiece, names, u53, st.binary(max_size=30))
    | st.builds(FileGone, names)
    | st.builds(FilesSent, u53)
    | st.builds(FilesHeld, u53)
)
PIECE = PartPiece("count", 7, 1, True, b"keys and states")


@given(messages)
def test_every_message_comes_out_as_it_went_in(message: TransferMessage) -> None:
    assert decode_transfer(encode_transfer(message)) == message


def test_only_a_hello_opens_a_transfer() -> None:
    life = Incarnation(1, "n")
    assert opens_transfer(encode_transfer(TransferHello("wc", 1, "alpha", life)))
    assert opens_transfer(encode_transfer(ReplicaHello("wc", 1, "alpha", life, 2)))
    assert not opens_transfer(encode_transfer(PIECE))
    assert not opens_transfer(encode_peer(Alive()))
    assert not opens_transfer(b"")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "unknown kind None"),
        (b"\x01{}", "unknown kind 1"),
        (b"\x11{", "malformed"),
        (b'\x17{"bytes": "many"}', "malformed"),
        (encode_transfer(PIECE)[:10], "malformed"),
        (encode_transfer(PIECE)[:18], "cut off in its name"),
        (encode_transfer(FilePiece("sources/in", 0, b""))[:15], "cut off in its path"),
    ],
)
def test_what_is_malformed_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says):
        decode_transfer(data)
