"""The leader proposes a new version when all members run it, and once for these lives."""

import attrs

from wallarood.control.change.view import View
from wallarood.control.effects import SendToMember, WaitingFor
from wallarood.control.rounds.newer import NewerVersions, waits
from wallarood.model.change import ORDERED_BACK, WAY_BACK, ChangeKind
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Address, Incarnation, Member, WorkerName
from wallarood.model.messages import ChangeRequest
from wallarood.model.topology import Topology

A, B = WorkerName("alpha"), WorkerName("beta")
HERE = Address("127.0.0.1", 7000)


def member(name: WorkerName, version: str = "", starts: int = 1) -> Member:
    return Member(name, HERE, HERE, Incarnation(starts, "n"), version=version)


def present(*members: Member) -> dict[WorkerName, Member]:
    return {each.name: each for each in members}


def said(effects: object) -> str:
    assert isinstance(effects, list)
    [waiting] = [each for each in effects if isinstance(each, WaitingFor)]
    return waiting.text


def test_members_of_this_epoch_hold_nothing_up() -> None:
    assert NewerVersions().seen((A, B), present(member(A), member(B))) == []


def test_while_one_runs_the_version_before_all_wait_and_it_is_named() -> None:
    effects = NewerVersions().seen((A, B), present(member(A, "v2"), member(B)))
    assert said(effects) == (
        "waiting for the upgrade: a new version runs on alpha, and not yet on beta: restart with "
        "the new version"
    )
    assert len(effects) == 1


def test_versions_that_differ_are_no_upgrade() -> None:
    effects = NewerVersions().seen((A, B), present(member(A, "v2"), member(B, "v3")))
    assert "different new versions run on alpha / beta: restart all with one" in said(effects)
    assert len(effects) == 1


def test_one_version_of_all_is_proposed_once_for_these_lives() -> None:
    newer = NewerVersions()
    here = present(member(A, "v2"), member(B, "v2"))
    [_, sent] = newer.seen((A, B), here)
    assert isinstance(sent, SendToMember)
    assert sent.name == A
    assert isinstance(sent.message, ChangeRequest)
    assert sent.message.kind is ChangeKind.UPGRADE
    assert "abandoned" in said(newer.seen((A, B), here))
    again = {**here, B: attrs.evolve(here[B], incarnation=Incarnation(2, "m"))}
    assert len(newer.seen((A, B), again)) == 2


def test_it_is_proposed_once_more_when_one_that_was_away_is_back() -> None:
    newer = NewerVersions()
    here = present(member(A, "v2"), member(B, "v2"))
    assert len(newer.seen((A, B), here)) == 2
    newer.may_propose_again()
    assert len(newer.seen((A, B), here)) == 2
    assert "abandoned" in said(newer.seen((A, B), here))


def test_the_version_before_waits_for_an_operator() -> None:
    newer = NewerVersions()
    some = present(member(A, WAY_BACK), member(B))
    assert "does not run on beta: restart with it to go back" in said(newer.seen((A, B), some))
    effects = newer.seen((A, B), present(member(A, WAY_BACK), member(B, WAY_BACK)))
    assert "wallarooctl upgrade --back goes back to its last checkpoint" in said(effects)
    assert len(effects) == 1


def test_where_the_order_came_first_the_way_back_is_proposed_once_for_these_lives() -> None:
    newer, here = NewerVersions(), present(member(A, ORDERED_BACK), member(B, WAY_BACK))
    [_, sent] = newer.seen((A, B), here)
    assert isinstance(sent, SendToMember)
    assert isinstance(sent.message, ChangeRequest)
    assert sent.message.kind is ChangeKind.BACK
    assert len(newer.seen((A, B), here)) == 1


def view_of(me: WorkerName, *members: Member) -> View:
    record = ClusterRecord(
        "wc-1",
        RecordState.STARTED,
        me,
        A,
        ("app",),
        Topology(1, "app", (A, B), (), ()),
        tuple(attrs.evolve(each, version="") for each in members),
    )
    view = View(next(each for each in members if each.name == me), record)
    for each in members:
        view.is_up(each)
    return view


def test_a_member_that_does_not_lead_says_the_same_of_versions_that_differ() -> None:
    some = (member(A), member(B, "v2"))
    assert waits(view_of(B, *some)) == said(NewerVersions().seen((A, B), present(*some)))
    assert waits(view_of(A, *some)) == "", "its leader says it"
    several = (member(A, "v3"), member(B, "v2"))
    assert waits(view_of(B, *several)) == said(NewerVersions().seen((A, B), present(*several)))


def test_a_member_leaves_what_comes_of_one_version_to_the_leader() -> None:
    alike = (member(A, "v2"), member(B, "v2"))
    assert waits(view_of(B, *alike)) == (
        "all workers run the same other version, and alpha says what comes of it"
    )
    before = (member(A, WAY_BACK), member(B, WAY_BACK))
    assert waits(view_of(B, *before)) == said(NewerVersions().seen((A, B), present(*before)))


def test_a_member_says_nothing_of_versions_while_it_runs_or_one_is_away() -> None:
    view = view_of(B, member(A), member(B, "v2"))
    view.is_down(A)
    assert waits(view) == ""
    view.is_up(member(A))
    view.running = True
    assert waits(view) == ""
    assert waits(view_of(B, member(A), member(B))) == ""
