"""Who may attach: a member at the same epoch; who is behind is told, who is ahead is asked."""

from typing import Any

import attrs
import pytest
from support.nodes import member, sent

from wallarood.control.effects import Adopt, Close, Effect, Fail, Report
from wallarood.control.membership.attaching import Attaching
from wallarood.model.errors import RefusedError
from wallarood.model.messages import PROTOCOL_VERSION, Attach, Busy, NewTopology, Refused
from wallarood.model.topology import Topology

TRIO = ("alpha", "beta", "gamma")
OTHERS = {name: member(name) for name in TRIO[1:]}
NOW_AT = 3
HERE = Attaching("wc-1", member("alpha"), Topology(NOW_AT, "app", TRIO, (), ()))


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
        ({"member": member("delta"), "epoch": NOW_AT - 1}, "delta is not a member of wc-1"),
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


def test_who_is_behind_is_told_what_the_cluster_is_by_now() -> None:
    effects = objections(epoch=NOW_AT - 1)
    members = (HERE.member, *OTHERS.values())
    assert sent(effects) == [(7, NewTopology(HERE.topology, members))]
    assert effects[-1] == Close(7)
    assert any(isinstance(each, Report) for each in effects)


@pytest.mark.parametrize("name", ["beta", "delta"])
def test_who_is_ahead_is_asked_even_if_it_is_no_member_that_is_known_here(name: str) -> None:
    effects = objections(epoch=NOW_AT + 1, member=member(name))
    assert effects == [*effects[:1]]
    assert sent(effects) == [(7, HERE.own)]


def test_a_newer_topology_is_adopted_and_an_older_one_is_not() -> None:
    members = tuple(OTHERS.values())
    for epoch in (NOW_AT - 1, NOW_AT):
        assert HERE.overtaken(attrs.evolve(HERE.topology, epoch=epoch), members) == []
    newer = attrs.evolve(HERE.topology, epoch=NOW_AT + 1)
    report, adopt = HERE.overtaken(newer, members)
    assert isinstance(report, Report)
    assert adopt == Adopt(newer, members)


def test_who_is_no_member_any_longer_ends() -> None:
    newer = attrs.evolve(HERE.topology, epoch=5, workers=("beta", "gamma"))
    (fail,) = HERE.overtaken(newer, ())
    assert isinstance(fail, Fail)
    assert fail.error.message == "alpha is no member of wc-1 any longer, since epoch 5"
    assert fail.error.exit_code == RefusedError.exit_code
