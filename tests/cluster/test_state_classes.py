"""Restarts of an application whose state class has changed meanwhile."""

import re
import signal
from pathlib import Path

from support.harness import Hosts, WorkerProcess, hosts_in, wait_for

FIRST = """
import attrs
import wallarood as w


@attrs.define(eq=False)
class Node:
    parent: object = None
    total: int = 0


@attrs.define(eq=False)
class Tree:
    root: Node = attrs.Factory(Node)
    leaf: Node = None

    def __attrs_post_init__(self):
        self.leaf = Node(self.root)


@w.state_computation(state=Tree)
def count(number, tree):
    tree.leaf.parent.total += 1
    return number % 7, tree.root.total


numbers = w.source("numbers", w.GeneratorSource(rate=200, partitions=2))
app = w.application(
    "trees", numbers.key_by(lambda n: f"k{n % 7}").to(count).to_sink(w.FileSink("out"))
)
"""
WITH_A_FIELD = FIRST.replace("class Tree:\n", "class Tree:\n    seen: list = attrs.Factory(list)\n")
WITH_A_FIELD = WITH_A_FIELD.replace("    tree.leaf", "    tree.seen.append(number)\n    tree.leaf")
RENAMED = FIRST.replace("Tree", "Oak")


def start(hosts: Hosts, application: Path) -> list[WorkerProcess]:
    return hosts.start_cluster(2, str(application), "--cluster-id", "auto")


def committed(worker: WorkerProcess) -> int:
    status = worker.status()
    return 0 if status is None else status.checkpoint.committed


def stop(workers: list[WorkerProcess]) -> None:
    for worker in workers:
        worker.send(signal.SIGKILL)
    for worker in workers:
        worker.wait()


def totals(directory: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for part in directory.glob("out/[!.]*"):
        for line in part.read_text("utf-8").splitlines():
            key, total = line.split("\t")
            found.setdefault(key, []).append(int(total))
    return found


def test_a_state_goes_on_with_a_new_field_and_is_named_when_its_class_is_gone(
    tmp_path: Path,
) -> None:
    application = tmp_path / "trees.py"
    application.write_text(FIRST)
    with hosts_in(tmp_path) as hosts:
        workers = start(hosts, application)
        wait_for("checkpoints", lambda: committed(workers[0]) >= 3)
        stop(workers)

        application.write_text(WITH_A_FIELD)
        before = committed_on(workers)
        workers = start(hosts, application)
        wait_for("more checkpoints", lambda: committed(workers[0]) >= before + 4)
        stop(workers)

        application.write_text(RENAMED)
        workers = start(hosts, application)
        assert {worker.wait() for worker in workers} == {65}
        said = "".join(worker.said for worker in workers)
        assert re.search(r"'count' for key 'k\d' cannot be restored: trees\.Tree.*alias", said)

    for key, counted in totals(tmp_path).items():
        assert sorted(counted) == list(range(1, len(counted) + 1)), key
    assert len(totals(tmp_path)) == 7


def committed_on(workers: list[WorkerProcess]) -> int:
    """The highest number that workers have said they were going on from or had committed."""
    said = "".join(worker.said for worker in workers)
    return max(int(number) for number in re.findall(r"checkpoint=\d+\.(\d+)", said))
