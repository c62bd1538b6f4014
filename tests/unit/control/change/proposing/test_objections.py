"""What cannot be begun is refused with the reason, and with what to do."""

from typing import Any

import attrs
import pytest
from support.nodes import changed, member, record

from wallarood.control.change.decided import adopted
from wallarood.control.change.proposing.composing import Plan
from wallarood.control.change.proposing.objections import to_any, to_joiner, to_request
from wallarood.control.change.view import View
from wallarood.model.change import ORDERED_BACK, WAY_BACK, ChangeKind, Trust, Vote
from wallarood.model.ids import Ballot
from wallarood.model.messages import PROTOCOL_VERSION, ChangeRequest, JoinRunning

TRIO = ("alpha", "beta", "gamma")
EVICT, SHRINK, GROW = ChangeKind.EVICT, ChangeKind.SHRINK, ChangeKind.GROW


def view(*away: str, **state: Any) -> View:
    made = View(member("alpha"), record("alpha", *TRIO))
    for name in TRIO:
        if name not in away:
            made.is_up(member(name))
    made.running = True
    for name, value in state.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("kind", "names", "of", "says"),
    [
        (SHRINK, ("delta",), view(), "delta is not a member"),
        (SHRINK, TRIO, view(), "one worker must stay"),
        (SHRINK, ("gamma",), view("beta"), "all workers must be connected; missing: beta"),
        (SHRINK, ("gamma",), view(completed=True), "the job is completed"),
        (SHRINK, ("gamma",), view(running=False), "the cluster is recovering"),
        (GROW, (), view("gamma"), "all workers must be connected; missing: gamma"),
        (EVICT, ("gamma",), view(), "gamma is connected: use wallarooctl shrink"),
        (EVICT, ("beta", "gamma"), view("beta", "gamma"), "which is no majority"),
        (EVICT, ("gamma",), view("beta", "gamma"), "that stay must be connected; missing: beta"),
    ],
)
def test_what_is_not_begun(kind: ChangeKind, names: tuple[str, ...], of: View, says: str) -> None:
    assert says in to_request(Plan(ChangeRequest("r", kind, names), of))


@pytest.mark.parametrize(
    ("kind", "names", "of"),
    [(SHRINK, ("alpha",), view()), (GROW, (), view()), (EVICT, ("gamma",), view("gamma"))],
)
def test_what_may_be_begun(kind: ChangeKind, names: tuple[str, ...], of: View) -> None:
    assert to_request(Plan(ChangeRequest("r", kind, names), of)) == ""


def test_an_operator_who_knows_them_dead_may_go_on_with_half_of_the_members() -> None:
    pair = View(member("alpha"), record("alpha", "alpha", "beta"))
    certified = ChangeRequest("r", EVICT, ("beta",), certified=True)
    assert to_request(Plan(certified, pair)) == ""
    assert to_request(Plan(attrs.evolve(certified, certified=False), pair)) != ""
    both = attrs.evolve(certified, names=("beta", "gamma"))
    assert "fewer than half" in to_request(Plan(both, view("beta", "gamma")))


def test_who_is_never_taken_in() -> None:
    plan = Plan(ChangeRequest("r", GROW, (), joiner=member("delta")), view())
    good = JoinRunning(member("delta"), "app", (), PROTOCOL_VERSION)
    assert to_joiner(plan, good) == ""
    for wrong, says in (
        ({"protocol": 0}, "protocol version 0"),
        ({"fingerprint": ("another",)}, "another application"),
        ({"cluster_id": "wc-9"}, "wrong cluster ID"),
    ):
        assert says in to_joiner(plan, attrs.evolve(good, **wrong))


def test_who_has_no_vote_or_has_voted_proposes_nothing() -> None:
    bound = Vote(1, Ballot(1, "beta"), Ballot(1, "beta"))
    assert to_any(view(), Vote(1)) == ""
    assert "a change is being decided" in to_any(view(), bound)
    said = to_any(view(trust=Trust.RESTORED), Vote(1))
    assert "was restored from a copy, so alpha has no vote" in said


@pytest.mark.parametrize("kind", [GROW, ChangeKind.EVICT])
def test_nothing_is_begun_again_that_needs_the_vote_of_a_restored_directory(
    kind: ChangeKind,
) -> None:
    """Each attempt ends the round that runs."""
    names = ("gamma",) if kind is ChangeKind.EVICT else ()
    seen = view(*names)
    assert to_request(Plan(ChangeRequest("r", kind, names), seen)) == ""
    seen.restored.add("beta")
    said = to_request(Plan(ChangeRequest("r", kind, names), seen))
    assert "the state directory of beta was restored from a copy" in said
    if kind is ChangeKind.EVICT:
        seen = view("beta", restored={"beta"})
        assert to_request(Plan(ChangeRequest("r", kind, ("beta",)), seen)) == ""


UPGRADE, BACK = ChangeKind.UPGRADE, ChangeKind.BACK


def running(*versions: str, upgraded: bool = False) -> View:
    """The versions that alpha, beta and gamma run."""
    made = view()
    if upgraded:
        newer = attrs.evolve(changed(made.record, *TRIO), fingerprint=("newer",))
        made.record = adopted(made.record, newer)
    for name, version in zip(TRIO, versions, strict=True):
        made.is_up(attrs.evolve(member(name), version=version))
    return made


@pytest.mark.parametrize(
    ("kind", "of", "says"),
    [
        (UPGRADE, running("v2", "v2", "v2"), ""),
        (UPGRADE, running("v2", "", "v2"), "no new version runs on beta"),
        (UPGRADE, running("v2", "v3", "v2"), "different new versions"),
        (UPGRADE, running(WAY_BACK, WAY_BACK, WAY_BACK), "wallarooctl upgrade --back"),
        (BACK, running(WAY_BACK, WAY_BACK, WAY_BACK), "there is no version to go back to"),
        (BACK, running(WAY_BACK, ORDERED_BACK, WAY_BACK, upgraded=True), ""),
        (BACK, running(WAY_BACK, "", "v3", upgraded=True), "runs on beta, gamma: install that"),
    ],
)
def test_all_must_run_the_version_that_the_cluster_comes_to(
    kind: ChangeKind, of: View, says: str
) -> None:
    found = to_request(Plan(ChangeRequest("r", kind, ()), of))
    assert says in found
    assert bool(says) == bool(found)
