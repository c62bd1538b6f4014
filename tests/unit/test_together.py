"""Which tests run on one process: those that share a lab, a server or a cluster."""

import pytest

from tests.conftest import together


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/systemd/test_unit.py::test_a", "tests/systemd"),
        ("tests/systemd/test_cluster.py::test_b", "tests/systemd"),
        ("tests/servers/test_kafka_source.py::test_a", "kafka"),
        ("tests/servers/test_systems.py::test_b[kafka]", "kafka"),
        ("tests/servers/test_examples.py::test_redis_words", "redis"),
        ("tests/servers/test_sse_source.py::test_a", "tests/servers/test_sse_source.py"),
        ("tests/cluster/test_ten_faults.py::test_a", "tests/cluster/test_ten_faults.py"),
        ("tests/cluster/test_kill.py::test_a[0]", "tests/cluster/test_kill.py::test_a[0]"),
        ("tests/simulation/test_lives.py::test_a[0]", "tests/simulation/test_lives.py"),
        ("tests/unit/test_names.py::test_a", "tests/unit/test_names.py"),
    ],
)
def test_what_shares_something_is_run_together(nodeid: str, scope: str) -> None:
    assert together(nodeid) == scope
