"""What a local cluster consists of: names that are the same everywhere, and ports of its own."""

import socket
from pathlib import Path

import attrs

from wallarood.devcluster.local import LocalCluster, free_port, worker_names


def test_workers_have_names_and_beyond_them_numbers() -> None:
    assert worker_names(2) == ("alpha", "beta")
    assert worker_names(7)[4:] == ("epsilon", "worker-6", "worker-7")


def test_the_first_worker_has_the_page_and_it_is_said_how_to_look() -> None:
    cluster = LocalCluster("app.py", (), ("alpha", "beta"), Path("/tmp/x"), 1, page_port=7780)
    assert "127.0.0.1:7780" in cluster.command("alpha")
    assert "--admin-http" not in cluster.command("beta")
    page, why = cluster.hints
    assert "http://127.0.0.1:7780/" in page
    assert "--state-directory /tmp/x/alpha" in why
    assert len(attrs.evolve(cluster, page_port=None).hints) == 1


def test_a_port_that_is_free_is_none_that_another_worker_may_be_given() -> None:
    lowest, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    for _ in range(20):
        port = free_port()
        assert port < lowest
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
