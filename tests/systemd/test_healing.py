"""Three hosts that heal by themselves: cables are cut, a disk burns, and no operator is there."""

import time
from collections.abc import Iterator

import pytest
from support.guide import Operator
from support.harness import wait_for
from support.lab import Host, Lab

from tests.systemd.test_changes import commits, is_at, made_operator, start

pytestmark = pytest.mark.long

EVICT_AFTER_S = 10
GO_ON_S = 15
"""From the cut of the power until the others run again."""


@pytest.fixture
def operator(lab: Lab, installed: Host) -> Iterator[Operator]:
    """Four hosts, of which the first three have been told to heal from the first start on."""
    with made_operator(lab, installed) as operator:
        _, _, heal = operator.files
        operator.each(lambda host: host.put("/etc/wallaroo/50-heal.toml", heal))
        yield operator


def test_who_is_missed_by_all_is_evicted_and_nobody_else(
    operator: Operator,
) -> None:
    alpha, beta, gamma, _ = operator.hosts
    operator.hosts = [alpha, beta, gamma]
    start(operator)
    commits(operator)
    cut_one_cable(operator, beta, gamma)
    cut_off(operator, alpha)
    operator.hosts = [beta, gamma, alpha]
    gamma.do("cut")
    operator.hosts = [beta, alpha]
    is_at(operator, 4, wait_s=GO_ON_S)
    commits(operator)


def cut(one: Host, other: Host) -> None:
    """What these two send each other goes to an address that none has: it is lost in silence."""
    for host, peer in ((one, other), (other, one)):
        there = ("to", peer.address, "dev", "eth0", "lladdr", "02:00:00:00:00:01")
        host.run("ip", "neigh", "replace", *there, "nud", "permanent")


def mend(one: Host, other: Host) -> None:
    """They reach each other again."""
    for host, peer in ((one, other), (other, one)):
        host.run("ip", "neigh", "del", peer.address, "dev", "eth0")


def cut_one_cable(operator: Operator, one: Host, other: Host) -> None:
    """Two do not hear each other for longer than it takes to evict: the third hears both."""
    cut(one, other)
    wait_for("it is noticed", lambda: one.phase() == "paused")
    until = time.monotonic() + EVICT_AFTER_S * 1.5
    while time.monotonic() < until:
        assert {host.told()["epoch"] for host in operator.hosts} == {1}
    mend(one, other)
    is_at(operator, 1)
    commits(operator)


def cut_off(operator: Operator, leader: Host) -> None:
    """The leader hears nobody: the two others go on, and it does not; then it joins again."""
    others = [host for host in operator.hosts if host is not leader]
    for other in others:
        cut(leader, other)
    every, operator.hosts = operator.hosts, others
    is_at(operator, 2)
    commits(operator)
    alone = leader.told()
    assert alone["epoch"] == 1
    assert alone["job"] != "running"
    assert "waiting for" in leader.show("wallarood", "StatusText")
    for other in others:
        mend(leader, other)
    operator.hosts = every
    is_at(operator, 3)
    assert f"{leader.name} was evicted at epoch 2" in leader.journal()
