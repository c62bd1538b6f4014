"""Files of Parquet through a cluster: new ones come while workers are killed; rows count once."""

import random
from pathlib import Path

import pyarrow.parquet
import pytest
from support.harness import hosts_in, wait_for
from support.killer import Killer

APPLICATION = """
import attrs
import wallarood as w

@attrs.frozen
class Row:
    word: str
    number: int

@attrs.frozen
class Seen:
    word: str
    count: int

class State:
    count = 0

@w.state_computation(state=State)
def seen(row: Row, state: State) -> Seen:
    state.count += 1
    return Seen(row.word, state.count)

app = w.application(
    "parquet",
    w.source("in", w.FileSource("in", format="parquet", record=Row, follow=True))
    .key_by(lambda row: row.word, name="by-word")
    .to(seen)
    .to_sink(w.FileSink("out", format="parquet", record=Seen), name="out"),
)
"""


def counts_in(directory: Path) -> dict[str, list[int]]:
    """The counts of each word, in the order of the parts."""
    found: dict[str, list[int]] = {}
    for path in sorted(directory.glob("[!.]*.parquet")):
        for row in pyarrow.parquet.read_table(path).to_pylist():
            found.setdefault(row["word"], []).append(row["count"])
    return found


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_each_row_counts_once_whoever_is_killed(workers: int, tmp_path: Path) -> None:
    rng, words = random.Random(workers), []
    (tmp_path / "in").mkdir()
    (tmp_path / "app.py").write_text(APPLICATION)
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(tmp_path / "app.py"), workers)
        cluster.until("running")
        for turn in range(5):
            new = [f"w{rng.randrange(40)}" for _ in range(5000)]
            columns = {"word": new, "number": list(range(len(new)))}
            path = tmp_path / "in" / f"{rng.randrange(1000):03}-{turn}.parquet"
            pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=1000)
            words += new
            cluster.strike(rng, most=min(2, workers))
        cluster.until("running")
        wait_for(
            "all is counted",
            lambda: sum(map(len, counts_in(tmp_path / "out").values())) == len(words),
            wait_s=90,
        )
        cluster.end()
    assert cluster.kills.total() >= 3
    expected = {word: list(range(1, words.count(word) + 1)) for word in set(words)}
    assert counts_in(tmp_path / "out") == expected
