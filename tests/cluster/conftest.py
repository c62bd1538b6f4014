"""Applications for the tests of a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.growing import APPLICATION, Growing
from support.harness import NAMES, hosts_in

ENDLESS = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> tuple[int, int]:
    state.count += 1
    return number % 97, state.count

app = w.application(
    "endless",
    w.source("numbers", w.GeneratorSource(rate=2000))
    .key_by(lambda number: number % 97, name="by-rest")
    .to(seen)
    .to_sink(w.FileSink("endless-out")),
)
"""


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """An application that never ends by itself."""
    file = tmp_path / "endless.py"
    file.write_text(ENDLESS)
    return str(file)


@pytest.fixture
def slow_count(tmp_path: Path) -> str:
    """A bounded application that takes about four seconds; arguments: the output directory."""
    file = tmp_path / "slow_count.py"
    file.write_text(
        ENDLESS.replace("rate=2000", "rate=5000, count=20000").replace("endless", "slow_count")
    )
    return str(file)


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    file = tmp_path / "slow_count.py"
    file.write_text(APPLICATION)
    with hosts_in(tmp_path) as hosts:
        cluster = Growing(hosts, str(file))
        cluster.start(NAMES[0])
        yield cluster
