"""Who may attach: a member at the same epoch; who is behind is told, who is ahead is asked."""

from typing import Any

import attrs
import pytest
from support.nodes import changed, member, record, sent

from wallarood.control.change.decided import adopted
from wallarood.control.change.effects import AdoptChange, SetAside
from wallarood.control.effects import Close, Effect, Report
from wallarood.control.membership.attaching import Attaching
from wallarood.model.change import Gone, Why
from wallarood.model.errors import RefusedError
from wallarood.model.ids import Incarnation, Seat
from wallarood.model.messages import PROTOCOL_VERSION, Attach, Busy, Decided, Refused, Restored

TRIO = ("alpha", "beta", "gamma")
OTHERS = {name: attrs.evolve(member(name), seat=Seat(name)) for name in TRIO[1:]}
NOW_AT = 3
FIRST = attrs.evolve(record("alpha", *TRIO), cluster_id="wc-1")
CHANGE = changed(FIRST, *TRIO, epochs=NOW_AT - 1)
HERE = Attaching(adopted(FIRST, CHANGE), member("alpha"))


def objections(**claims: Any) -> list[Effect]:
    """What alpha answers beta, which attaches on connection 7 with these claims."""
    attach = Attach(member("beta"), PROTOCOL_VERSION, "wc-1", NOW_AT)
    return HERE.objections(7, attrs.evolve(attach, **claims), OTHERS)


def test_a_member_at_the_same_epoch_is_attached() -> None:
    assert objections() == []


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"protocol": 0}, f"beta speaks protocol version 0, not {PROTOCOL_VERSION}"),
        ({"member": member("delta")}, "delta is not a member of wc-1"),
        (
            {"member": attrs.evolve(member("beta"), seat=Seat("another"))},
            "beta is not the one that is a member of wc-1: its state directory is another "
            "one; put that of the member back, or have this one take its place with wallarooctl "
            "replace beta",
        ),
    ],
)
def test_who_can_never_attach_is_refused(claims: dict[str, Any], reason: str) -> None:
    effects = objections(**claims)
    assert sent(effects) == [(7, Refused(reason, RefusedError.exit_code))]
    assert effects[-1] == Close(7)


def test_a_worker_of_another_cluster_looks_for_its_peer_elsewhere() -> None:
    """Its peer had our address before: to refuse it would end it."""
    effects = objections(cluster_id="wc-2")
    assert sent(effects) == [(7, Busy("beta of cluster wc-2 has reached wc-1"))]
    assert effects[-1] == Close(7)


@pytest.mark.parametrize("name", ["beta", "delta"])
def test_who_is_behind_is_told_what_was_decided_whether_it_is_a_member_or_not(name: str) -> None:
    effects = objections(epoch=NOW_AT - 1, member=member(name))
    assert sent(effects) == [(7, Decided("wc-1", CHANGE))]
    assert effects[-1] == Close(7)
    assert any(isinstance(each, Report) for each in effects)


@pytest.mark.parametrize("name", ["beta", "delta"])
def test_who_is_ahead_is_asked_even_if_it_is_no_member_that_is_known_here(name: str) -> None:
    effects = objections(epoch=NOW_AT + 1, member=member(name))
    assert effects == [*effects[:1]]
    assert sent(effects) == [(7, HERE.own)]


def test_what_is_newer_is_adopted_and_what_is_older_is_not() -> None:
    older = (changed(FIRST, *TRIO), CHANGE)
    assert [HERE.overtaken(Decided("wc-1", each)) for each in older] == [[], []]
    newer = changed(HERE.record, *TRIO)
    assert HERE.overtaken(Decided("wc-2", newer)) == []
    assert HERE.overtaken(Decided("wc-1", newer))[-1] == AdoptChange(adopted(HERE.record, newer))


def test_who_is_no_member_any_longer_puts_aside_what_it_has() -> None:
    (effect,) = HERE.overtaken(Decided("wc-1", changed(HERE.record, "beta", "gamma")))
    assert isinstance(effect, SetAside)
    assert effect.exit_code == RefusedError.exit_code


@pytest.mark.parametrize(
    ("seats", "lives", "told"),
    [
        (("one", "one"), (Incarnation(5, "a"), Incarnation(5, "b")), True),
        (("one", "one"), (Incarnation(5, "a"), Incarnation(3, "b")), True),
        (("one", "one"), (Incarnation(5, "a"), Incarnation(5, "a")), False),
        (("one", "one"), (Incarnation(5, "a"), Incarnation(6, "b")), False),
        (("", "one"), (Incarnation(5, "a"), Incarnation(5, "b")), False),
    ],
)
def test_who_has_forgotten_a_life_that_is_known_here_is_told_that_it_is_a_copy(
    seats: tuple[str, str], lives: tuple[Incarnation, Incarnation], told: bool
) -> None:
    known, now = (
        attrs.evolve(member("beta"), seat=Seat(seat), incarnation=life)
        for seat, life in zip(seats, lives, strict=True)
    )
    effects = HERE.restored(7, known, now)
    assert sent(effects) == ([(7, Restored(lives[0]))] if told else [])


GONE = {"beta": Why.EVICTED, "gamma": Why.LEFT}


@pytest.mark.parametrize(
    ("name", "seat", "says", "exit_code"),
    [
        ("beta", "beta", "beta was evicted at epoch 2", RefusedError.exit_code),
        ("gamma", "gamma", "gamma has left the cluster at epoch 2", 0),
        ("beta", "another", "beta is no longer a member", RefusedError.exit_code),
    ],
)
def test_who_comes_back_after_two_changes_learns_how_it_went(
    name: str, seat: str, says: str, exit_code: int
) -> None:
    gone = tuple(Gone(each, Seat(each), why) for each, why in GONE.items())
    second = adopted(FIRST, changed(FIRST, "alpha", gone=gone))
    now = adopted(second, changed(second, "alpha", "delta"))
    me = attrs.evolve(member(name), seat=Seat(seat))
    attach = Attach(me, PROTOCOL_VERSION, "wc-1", 1)
    (_, told), *_ = sent(Attaching(now, member("alpha")).objections(7, attach, {}))
    assert isinstance(told, Decided)
    (aside,) = Attaching(attrs.evolve(FIRST, worker=name), me).overtaken(told)
    assert isinstance(aside, SetAside)
    assert aside.reason.startswith(says)
    assert (aside.exit_code, aside.members) == (exit_code, now.members)
