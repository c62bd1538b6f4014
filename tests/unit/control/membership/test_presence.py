"""What becomes of a peer by what it says and by its silence, and how that is said."""

import pytest
from support.nodes import member

from wallarood.control.effects import Level
from wallarood.control.events import ConnectionLost, TimerFired
from wallarood.control.membership.presence import (
    TRANSITIONS,
    Peer,
    Presence,
    alone,
    failure,
    gone,
    left,
    missing,
    refusal,
)
from wallarood.model.messages import Attached, JobFailed, Leaving

E, C, M, L = Presence


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        (Attached, {E: C, C: C, M: C, L: C}),
        (Leaving, {E: E, C: L, M: M, L: L}),
        (ConnectionLost, {E: E, C: M, M: M, L: L}),
        (TimerFired, {E: E, C: M, M: M, L: M}),
    ],
)
def test_a_peer_is_where_the_last_sign_of_it_has_left_it(
    kind: type, after: dict[Presence, Presence]
) -> None:
    """Who has said that it leaves is not missed when its connection closes, but when it is long."""
    for before in Presence:
        peer = Peer(member("beta"), before)
        peer.taken(kind)
        assert peer.presence is after[before], before


def test_every_sign_has_an_answer_in_every_presence() -> None:
    assert set(TRANSITIONS) == {(each, kind) for each in Presence for kind in Peer.INPUTS}


def test_only_who_is_connected_is_not_missing() -> None:
    peers = {each.value: Peer(member(each.value), each) for each in Presence}
    assert missing(peers) == ("expected", "missing", "left")
    assert missing({}) == ()


def test_a_peer_that_is_not_heard_is_a_warning() -> None:
    report = gone("beta", "connection closed")
    assert report.level is Level.WARNING
    assert report.text.startswith("lost contact with beta (connection closed)")


@pytest.mark.parametrize(
    ("message", "text", "level"),
    [
        (Leaving(completed=False), "beta is leaving", Level.INFO),
        (Leaving(completed=True), "beta has completed and left", Level.INFO),
        (
            Leaving(completed=False, exit_code=73, reason="the disk is full"),
            "beta ends with status 73, by trouble of its own; sources pause until it is back: "
            "the disk is full",
            Level.WARNING,
        ),
    ],
)
def test_how_a_peer_has_left_is_said(message: Leaving, text: str, level: Level) -> None:
    report = left("beta", message)
    assert (report.text, report.level) == (text, level)


def test_a_failure_of_the_job_ends_every_worker_with_the_same_status_and_cause() -> None:
    error = failure(JobFailed("beta", "a record of step 'f' …", 65))
    assert error.exit_code == 65
    assert error.message == "the job failed on beta: a record of step 'f' …"


def test_a_refused_worker_ends_with_the_status_that_it_was_told() -> None:
    error = refusal("duplicate worker name", 76)
    assert (error.message, error.exit_code) == ("duplicate worker name", 76)


def test_who_is_done_and_alone_says_what_it_has_waited_for() -> None:
    assert "come back for 60 s (timing.completion-wait)" in alone(60.0).message
