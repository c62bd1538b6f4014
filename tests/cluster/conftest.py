"""Applications for the tests of a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.growing import Growing
from support.harness import NAMES, hosts_in
from support.oracle import slow_counting
from support.rests import counting


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """An application that never ends by itself."""
    file = tmp_path / "endless.py"
    file.write_text(counting("endless", "rate=2000", sink='w.FileSink("endless-out")'))
    return str(file)


@pytest.fixture
def slow_count(tmp_path: Path) -> str:
    """A bounded application that takes about four seconds; arguments: the output directory."""
    file = tmp_path / "slow_count.py"
    file.write_text(slow_counting(20_000))
    return str(file)


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    file = tmp_path / "slow_count.py"
    file.write_text(counting("slow_count", "rate=2000"))
    with hosts_in(tmp_path) as hosts:
        cluster = Growing(hosts, str(file))
        cluster.start(NAMES[0])
        yield cluster
