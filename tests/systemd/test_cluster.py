"""Three hosts, a package on each: restarts, kills, power cuts and cut cables change no result."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.harness import wait_for

from tests.systemd.conftest import Cluster


def all_are(cluster: Cluster, phase: str) -> bool:
    return all(host.phase() == phase for host in cluster.hosts)


@pytest.mark.long
def test_each_unit_is_restarted_killed_and_loses_power(cluster: Cluster) -> None:
    cluster.configure()
    cluster.each("systemctl", "start", "wallarood")
    wait_for("all run", lambda: all_are(cluster, "running"), wait_s=30)
    cluster.issue()
    cluster.each("systemctl", "reload", "wallarood")
    wait_for("all run on", lambda: all_are(cluster, "running"), wait_s=30)
    for host in cluster.hosts:
        host.run("systemctl", "restart", "wallarood")
        wait_for("all run", lambda: all_are(cluster, "running"), wait_s=30)
    for host in cluster.hosts:
        host.run("systemctl", "kill", "-s", "KILL", "wallarood")
        wait_for("it is missed", lambda host=host: host.show("wallarood", "NRestarts") == "1")
        wait_for("all run", lambda: all_are(cluster, "running"), wait_s=30)
    assert "restarted; rolling all workers back" in cluster.hosts[0].journal()
    cluster.hurry()
    cluster.check()


@pytest.mark.long
def test_power_is_cut_on_one_host_and_on_all_and_a_cable_too(cluster: Cluster) -> None:
    first, second, third = cluster.hosts
    cluster.configure()
    cluster.each("systemctl", "start", "wallarood")
    wait_for("all run", lambda: all_are(cluster, "running"), wait_s=30)
    second.do("down")
    wait_for("it is missed", lambda: first.phase() == "paused", wait_s=30)
    waits = "waiting for 1 of 3 workers: h2"
    wait_for("it says so", lambda: waits in first.show("wallarood", "StatusText"))
    second.do("up")
    wait_for("all run", lambda: all_are(cluster, "running"), wait_s=30)
    assert "rolling all workers back" not in first.journal()
    third.do("cut")
    third.boot()
    wait_for("all run", lambda: all_are(cluster, "running"), wait_s=60)
    for host in cluster.hosts:
        host.do("cut")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: host.boot(), cluster.hosts))
    cluster.hurry()
    cluster.check()
