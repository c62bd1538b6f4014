"""Three hosts that heal by themselves: cables are cut, a disk burns, and no operator is there."""

import time
from collections.abc import Iterator

import pytest
from support.guide import Operator
from support.harness import wait_for
from support.lab import Host, Lab
from support.patience import in_time

from tests.systemd.test_changes import check, commits, is_at, issue_for, made_operator, start

pytestmark = pytest.mark.long

EVICT_AFTER_S = 10
GO_ON_S = 15
"""From the cut of the power until there is output of the others."""


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
    alpha, beta, gamma, delta = operator.hosts
    operator.hosts = [alpha, beta, gamma]
    start(operator)
    commits(operator)
    cut_one_cable(operator, beta, gamma)
    cut_off(operator, alpha)
    lose(operator, gamma)
    take_in(operator, delta)
    come_back(operator, gamma)
    alpha.run("wallarooctl", "shutdown")
    check([alpha, beta, gamma, delta])


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
    wait_for("it says so", lambda: "waiting for" in leader.show("wallarood", "StatusText"))
    for other in others:
        mend(leader, other)
    operator.hosts = every
    is_at(operator, 3)
    assert f"{leader.name} was evicted at epoch 2" in leader.journal()


def lose(operator: Operator, lost: Host) -> None:
    """The power of one is cut for good: the others go on, and soon."""
    began = time.monotonic()
    lost.do("cut")
    operator.hosts = [host for host in operator.hosts if host is not lost]
    is_at(operator, 4)
    before = [written(host) for host in operator.hosts]
    wait_for("there is output", lambda: [written(host) for host in operator.hosts] != before)
    assert in_time(began, GO_ON_S), f"output after {time.monotonic() - began:.1f} s"
    commits(operator)


def written(host: Host) -> str:
    """The files that a host has published."""
    return host.run("sh", "-c", "ls /var/lib/wallarood/counts")


def take_in(operator: Operator, empty: Host) -> None:
    """An empty host takes the place of the lost one."""
    issue_for(operator, empty)
    operator.does(empty, f"install -m 600 {empty.name}/* /etc/wallaroo/keys/")
    operator.does(empty, "systemctl start wallarood")
    operator.hosts = [*operator.hosts, empty]
    is_at(operator, 5)
    commits(operator)


def come_back(operator: Operator, lost: Host) -> None:
    """The lost one has power again, and its old disk: it joins as one that was never there.

    The cluster has changed twice since, and those that were in it by then know how it went.
    """
    lost.boot()
    operator.hosts = [*operator.hosts, lost]
    is_at(operator, 6)
    assert f"{lost.name} was evicted at epoch 4" in lost.journal()
    assert lost.run("ls", "/var/lib/wallarood/archive")
    commits(operator)
