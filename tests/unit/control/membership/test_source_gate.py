"""Sources are held as long as any member misses another one, and each change is said once."""

import pytest
from support.nodes import member

from wallarood.control.effects import Effect, PauseSources, ResumeSources
from wallarood.control.membership.presence import Peer, Presence
from wallarood.control.membership.source_gate import SourceGate


@pytest.fixture
def gate() -> SourceGate:
    """Alpha's, in a round."""
    gate = SourceGate("alpha")
    gate.begin()
    return gate


@pytest.fixture
def peers() -> dict[str, Peer]:
    """Beta and gamma, connected."""
    return {name: Peer(member(name), Presence.CONNECTED) for name in ("beta", "gamma")}


def held(text: str) -> list[Effect]:
    return [PauseSources(text)]


def test_nothing_is_said_of_sources_while_no_round_runs(peers: dict[str, Peer]) -> None:
    gate = SourceGate("alpha")
    peers["beta"].presence = Presence.MISSING
    assert gate.look(peers) == []


def test_a_round_begins_with_sources_that_run_if_all_are_there(
    gate: SourceGate, peers: dict[str, Peer]
) -> None:
    gate.begin()
    assert gate.look(peers) == [ResumeSources()]
    assert gate.look(peers) == []


@pytest.mark.parametrize("presence", [Presence.MISSING, Presence.LEFT, Presence.EXPECTED])
def test_sources_are_held_while_a_peer_is_not_connected(
    gate: SourceGate, peers: dict[str, Peer], presence: Presence
) -> None:
    gate.look(peers)
    peers["beta"].presence = presence
    assert gate.look(peers) == held("waiting for 1 of 3 workers: beta")
    assert gate.look(peers) == []
    peers["beta"].presence = Presence.CONNECTED
    assert gate.look(peers) == [ResumeSources()]


def test_the_reason_changes_with_who_is_away(gate: SourceGate, peers: dict[str, Peer]) -> None:
    peers["beta"].presence = peers["gamma"].presence = Presence.MISSING
    assert gate.look(peers) == held("waiting for 2 of 3 workers: beta, gamma")
    peers["beta"].presence = Presence.CONNECTED
    assert gate.look(peers) == held("waiting for 1 of 3 workers: gamma")


def test_what_another_member_misses_holds_the_sources_here_too(
    gate: SourceGate, peers: dict[str, Peer]
) -> None:
    """A cable that is cut between two others is not seen from here."""
    peers["beta"].misses = ("gamma",)
    assert gate.look(peers) == held("waiting for 1 of 3 workers: gamma (missed by beta)")


def test_a_member_that_misses_this_one_does_not_name_it(
    gate: SourceGate, peers: dict[str, Peer]
) -> None:
    """Its own connection will show it."""
    peers["beta"].misses = ("alpha",)
    assert gate.look(peers) == [ResumeSources()]


def test_who_is_missed_here_and_there_is_counted_once(
    gate: SourceGate, peers: dict[str, Peer]
) -> None:
    peers["gamma"].presence = Presence.MISSING
    peers["beta"].misses = ("gamma",)
    assert gate.look(peers) == held("waiting for 1 of 3 workers: gamma")


def test_how_a_peer_has_ended_is_part_of_the_reason(
    gate: SourceGate, peers: dict[str, Peer]
) -> None:
    peers["beta"].presence, peers["beta"].ended_by = Presence.LEFT, 65
    assert gate.look(peers) == held("waiting for 1 of 3 workers: beta (ended with status 65)")


def test_once_the_job_is_done_members_may_leave(gate: SourceGate, peers: dict[str, Peer]) -> None:
    gate.look(peers)
    gate.completed = True
    peers["beta"].presence = Presence.LEFT
    assert gate.look(peers) == []


def test_what_was_said_in_an_earlier_round_does_not_count(
    gate: SourceGate, peers: dict[str, Peer]
) -> None:
    peers["beta"].presence = Presence.MISSING
    said = gate.look(peers)
    gate.completed = True
    gate.begin()
    assert gate.look(peers) == said
