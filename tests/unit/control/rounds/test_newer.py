"""The leader proposes a new version when all members run it, and once for these lives."""

import attrs

from wallarood.control.effects import SendToMember, WaitingFor
from wallarood.control.rounds.newer import NewerVersions
from wallarood.model.change import ORDERED_BACK, WAY_BACK, ChangeKind
from wallarood.model.ids import Address, Incarnation, Member, WorkerName
from wallarood.model.messages import ChangeRequest

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
        "waiting for the upgrade: a new version runs on alpha; not yet on beta: restart with the "
        "new version"
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
