"""Partitions that appear while a cluster runs are read by it, once, whoever is killed."""

import random
from pathlib import Path

from support.harness import count_lines, hosts_in, wait_for
from support.killer import Killer

APPLICATION = """
import wallarood as w
from support.shelves import ShelvesSource

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(word: str, state: Seen) -> tuple[str, int]:
    state.count += 1
    return word, state.count

lines = w.source("in", ShelvesSource("shelves", discover_s=0.5))
app = w.application("words", lines.key_by(str).to(seen).to_sink(w.FileSink("out")))
"""


def test_each_record_of_partitions_that_appear_counts_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    (tmp_path / "support").symlink_to(Path(__file__).parents[1] / "support")
    rng = random.Random(7)
    shelves, sent = tmp_path / "shelves", 0
    with hosts_in(tmp_path) as hosts:
        cluster = Killer(hosts, str(tmp_path / "app.py"), 3)
        cluster.until("running")  # and waits for the directory
        alpha = cluster.workers["alpha"]
        wait_for("it says so", lambda: "is not there (since" in alpha.told().stages[0].failing)
        shelves.mkdir()
        for turn in range(4):
            for number in range(3):
                words = [f"w{rng.randrange(30)}" for _ in range(400)]
                sent += len(words)
                new = tmp_path / f"new-{turn}-{number}"
                new.write_text("".join(f"{word}\n" for word in words))
                new.rename(shelves / f"shelf-{turn * 3 + number}")
            cluster.kill(*rng.sample(list(cluster.workers), 1 + turn % 2))
        cluster.until("running")

        def counted() -> int:
            return sum(map(len, count_lines(tmp_path / "out").values()))

        wait_for("all are counted", lambda: counted() >= sent, wait_s=90)
        read = {
            name: [each.partition for each in worker.told().sources]
            for name, worker in cluster.workers.items()
        }
        cluster.end()
    assert counted() == sent
    for word, lines in count_lines(tmp_path / "out").items():
        assert sorted(count for _, count in lines) == list(range(1, len(lines) + 1)), word
    assert {each for names in read.values() for each in names} == {f"shelf-{n}" for n in range(12)}
    assert [len(each) for each in read.values()] == [4, 4, 4]
