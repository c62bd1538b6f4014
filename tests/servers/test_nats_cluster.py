"""NATS on three servers: one is killed, another leads, all goes on, and nothing comes twice."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import nats as natses
from support.servers import nats_cluster as clusters
from support.servers.nats_cluster import Cluster
from support.servers.process import demand, serving
from support.systems.nats_cluster import NatsCluster
from support.systems.running import running


@pytest.fixture
def three() -> Iterator[Cluster]:
    demand(natses.missing())
    with serving(clusters.cluster) as server:
        assert isinstance(server, Cluster)
        yield server


@pytest.mark.long
def test_all_goes_on_without_one_server_and_with_another_leader(
    three: Cluster, tmp_path: Path
) -> None:
    """Each time words are fed and counted by two servers, then the third comes back."""
    system = NatsCluster(three, tmp_path, "counted")
    with running(system, tmp_path) as run:

        def fed_and_counted() -> None:
            for _ in range(3):
                run.feeder.feed()
            run.until_counted(run.feeder.sent.total())

        fed_and_counted()
        for stream in ("counted", "counted-out"):
            gone = three.leader(stream)
            gone.kill()
            fed_and_counted()
            assert three.leader(stream) is not gone
            gone.start()
            three.wait_until_whole()
        for stream in ("counted", "counted-out"):
            three.step_down(stream)
            fed_and_counted()
        run.check_all()


@pytest.mark.long
def test_a_leader_that_was_stopped_and_wakes_up_is_not_believed(
    three: Cluster, tmp_path: Path
) -> None:
    """It lacks what its successor has: that is no loss of data."""
    system = NatsCluster(three, tmp_path, "counted")
    with running(system, tmp_path) as run:
        run.feeder.feed()
        run.until_counted(run.feeder.sent.total())
        for stream in ("counted-out", "counted"):
            asleep = three.leader(stream)
            asleep.pause()
            others = [each for each in three.members if each is not asleep]
            system.server = Cluster("awake", (), tmp_path, 0, bool, None, others)
            system.server.asked(f"STREAM.INFO.{stream}")  # only who leads answers
            for _ in range(3):
                run.feeder.feed()
            run.cluster.kill("alpha", "beta", "gamma")
            asleep.signal(signal.SIGCONT)
            run.until_counted(run.feeder.sent.total())
            system.server = three
            three.wait_until_whole()
        run.check_all()
