"""Control messages: every one comes out as it went in, and no damage passes."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_hexdigest

from wallarood.model import messages as say
from wallarood.model.change import Change, ChangeKind, Gone, Heir, PartName, Vote, Why
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.errors import RemoteProtocolError
from wallarood.model.ids import Address, Ballot, Incarnation, Seat
from wallarood.model.topology import Edge, Routing, SourcePartition, Stage, StageKind, Topology
from wallarood.wire.control import decode, encode

MEMBER = say.Member("alpha", Address("h", 1), Address("::1", 2), Incarnation(3, "n"))


TOPOLOGY = Topology(
    1,
    "app",
    ("alpha",),
    (
        Stage(
            0, "s", StageKind.SOURCE, ("a", "b"), "why", ("alpha",), (0, 0),
            (SourcePartition("p", "alpha"),),
        ),
    ),
    (Edge(0, 0, "b", -1, 0, Routing.KEYED),),
)  # fmt: skip


CHANGE = Change(
    2,
    (MEMBER, say.Member("beta", Address("h", 1), Address("h", 2), Incarnation(1, "m"), Seat("5e"))),
    (Gone("gamma", Seat("5f"), Why.EVICTED, True),),
    TOPOLOGY,
    ("a", "b"),
    CheckpointId(2, 7),
    1,
    4,
    1,
    (Heir("gamma", Seat("5f"), "alpha"),),
)
BALLOT = Ballot(3, "beta")
VOTE = Vote(1, BALLOT, Ballot(2, "alpha"), CHANGE)


LISTINGS = (say.Listing("a", ("p", "ü\n")),)


MESSAGES: list[say.ControlMessage] = [
    say.Join(MEMBER, "00", "app", ("a", "b"), 1, 3, False, LISTINGS, None),
    say.Waiting(("alpha",), 3),
    say.Proposal(
        "wc-1", (say.Contribution("alpha", "00"),), TOPOLOGY, (MEMBER,), (("alpha", LISTINGS),)
    ),
    say.Prepared("wc-1"),
    say.Committed("wc-1"),
    say.Collect("1-n-1"),
    say.Holdings("1-n-1", 3, (CheckpointId(2, 7),), CheckpointId(2, 7), 9, 1, (7,)),
    say.RoundProposal("1-n-1", 4, CheckpointId(2, 7), 9, (MEMBER,), 1),
    say.RoundAccepted(4),
    say.Resume(4),
    say.RequestCheckpoint(say.Purpose.LEAVE, "name"),
    say.TakeCheckpoint(10, say.Purpose.INTERVAL),
    say.CheckpointProgress(10, 2, "count"),
    say.CheckpointHeld(10, 4096),
    say.CheckpointFailed(10, "disk full"),
    say.CheckpointCommitted(10),
    say.CheckpointAbandoned(10),
    say.DropKept("name"),
    say.Inquiry("wc-1", "alpha"),
    say.Never("wc-1"),
    say.Refused("why", 76),
    say.Busy("why"),
    say.Attach(MEMBER, 1, "wc-1", 2),
    say.Attached(MEMBER),
    say.Heartbeat(("beta",)),
    say.Leaving(True),
    say.StatusWanted(3),
    say.StatusTold(3, "{}"),
    say.Drained(),
    say.Published(),
    say.Completed(),
    say.JobFailed("alpha", "why", 65),
    say.ShutDown(),
    say.Collect("1-n-2", BALLOT),
    say.Holdings(
        "1-n-1", 3, (), CheckpointId(2, 7), 9, 1, (), VOTE,
        (PartName(1, "gamma", 2, 7),),
    ),
    say.ChangeRequest("r1", ChangeKind.EVICT, ("gamma",), MEMBER, True, True, 7),
    say.ChangeAnswered("r1", False, "why"),
    say.JoinRunning(MEMBER, "app", ("a",), 1, "wc-1", 2),
    say.AskThere("wc-1", Address("h", 1)),
    say.CopyAhead("1-copy", "wc-1", TOPOLOGY, TOPOLOGY, (MEMBER,)),
    say.CopiedAhead("1-copy", "beta"),
    say.Restored(MEMBER.incarnation),
    say.Misses((("beta", 1.5),)),
    say.Stage(BALLOT, "wc-1", "alpha", CHANGE, TOPOLOGY, (MEMBER,)),
    say.Staged(BALLOT, "beta", Seat("5e"), "no room"),
    say.Accept(BALLOT, CHANGE),
    say.Accepted(BALLOT),
    say.Outbid(BALLOT),
    say.Decided("wc-1", CHANGE),
    say.ChangePublished(7),
    say.ChangeProgress(BALLOT, "moving"),
]  # fmt: skip


fields = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def enveloped(message: say.ControlMessage) -> say.Envelope:
    return say.Envelope("wc-1", 1, 0, 5, message)


def test_every_message_is_tried_here() -> None:
    assert {type(each) for each in MESSAGES} == set(say.ControlMessage.__args__)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_control_message_comes_out_as_it_went_in(message: say.ControlMessage) -> None:
    assert decode(encode(enveloped(message))) == enveloped(message)


@given(st.sampled_from(MESSAGES), st.data())
def test_a_control_message_with_a_field_of_another_type_or_name(
    message: say.ControlMessage, data: st.DataObject
) -> None:
    body = msgspec.json.decode(encode(enveloped(message)))["body"]
    target = data.draw(st.sampled_from([body, body["message"]]))
    target[data.draw(st.sampled_from([*target, "extra"]))] = data.draw(fields)
    raw = msgspec.json.encode(body)
    text = {"checksum": xxh3_64_hexdigest(raw), "body": msgspec.Raw(raw)}
    with contextlib.suppress(RemoteProtocolError):
        decode(msgspec.json.encode(text))


@pytest.mark.parametrize("damage", ["checksum", "type", "large", "deep"])
def test_bad_control_messages(damage: str) -> None:
    good = encode(enveloped(say.Busy("why")))
    bad = {
        "checksum": good.replace(b"why", b"wye"),
        "type": good.replace(b"Busy", b"Lazy"),
        "large": good + b" " * (17 << 20),
        "deep": b"[" * 100_000 + b"]" * 100_000,
    }[damage]
    with pytest.raises(RemoteProtocolError):
        decode(bad)
