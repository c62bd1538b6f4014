"""Every case of event time on real workers: step by step, through a kill and a restart."""

import signal
from collections import defaultdict
from pathlib import Path

import pytest
from support import cases_of_time
from support.cases_of_time import CASES, Case
from support.harness import hosts_in, wait_for
from support.killer import Killer
from support.made_of_streams import SECOND
from support.released import END

from wallarood.admin.status import Status

WHOLE_BATCHES = 'limits.batch-time-budget = "1s"\n'
"""What takes long is done in pieces, and early results follow each: a step is to be one piece."""
KILLED_AFTER, RESTARTED_AFTER = 2, 4
"""After how many steps a worker is killed, and all are stopped and started again."""


def watermark(case: Case, steps: int) -> int | None:
    """How far time has come behind so many steps; None if nothing is known of a source yet."""
    behind = int(case.out_of_order.rstrip("s"))
    highest = {(step.source, step.partition): -1e9 for step in case.steps}
    for step in case.steps[:steps]:
        of = step.source, step.partition
        highest[of] = max(highest[of], *(row[1] for row in step.rows))
    least = min(highest.values())
    return None if least == -1e9 else round((least - behind) * SECOND)


class Lockstep:
    """Lets the cases go on step by step, each when all has followed from the one before."""

    def __init__(self, cluster: Killer, directory: Path) -> None:
        self.cluster, self.directory = cluster, directory
        self.steps = 0
        self.counted: dict[str, int] = {}
        """How many records there were of each case when the counts of the workers began."""

    def release(self, steps: int) -> None:
        """Release steps, and wait until they are done."""
        self.write(steps)
        self.steps = steps
        try:
            wait_for(f"step {steps} is done", lambda: not self.undone())
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.undone()}") from error

    def write(self, steps: int) -> None:
        """Tell the sources, which may be reading, how many steps are released."""
        new = self.directory / "released.new"
        new.write_text(str(steps))
        new.replace(self.directory / "released")

    def statuses(self) -> list[Status]:
        """What the workers say of themselves; none if one does not answer."""
        workers = self.cluster.workers.values()
        for each in workers:
            assert each.process.poll() is None, f"{each.name} ended by itself:\n{each.said}"
        found = [each.status() for each in workers]
        return [each for each in found if each is not None] if all(found) else []

    def undone(self) -> dict[str, object]:
        """The cases of which not all records have been counted, or whose watermark is to come."""
        records: defaultdict[str, int] = defaultdict(int)
        watermarks: defaultdict[str, set[int | None]] = defaultdict(set)
        statuses = self.statuses()
        for status in statuses:
            for stage in status.stages:
                name = stage.name.partition(" ")[0]
                if stage.kind != "partitioned":
                    continue
                records[name] += stage.records_in
                watermarks[name].add(stage.watermark)
        found = {
            name: (records[name] + self.counted.get(name, 0), watermarks[name])
            for name in CASES
            if not CASES[name].held
        }
        wanted = {
            name: (self.fed(case), {watermark(case, self.steps)}) for name, case in CASES.items()
        }
        return {name: (each, wanted[name]) for name, each in found.items() if each != wanted[name]}

    def fed(self, case: Case) -> int:
        """How many records of a case have been released."""
        return sum(len(step.rows) for step in case.steps[: self.steps])

    def commit(self) -> None:
        """Wait for a checkpoint that has all that was done."""
        taken = max(each.told().checkpoint.taken for each in self.cluster.workers.values())
        wait_for("a checkpoint", lambda: self.committed() > taken)

    def committed(self) -> int:
        """The newest checkpoint that is known committed by all."""
        return min((each.checkpoint.committed for each in self.statuses()), default=0)

    def resume(self) -> None:
        """Count from what the workers have counted since they run again."""
        self.cluster.until("running")
        self.counted = {name: self.fed(case) for name, case in CASES.items()}

    def kill(self) -> None:
        """Kill the last worker; the others go back to the checkpoint as well."""
        self.commit()
        self.cluster.kill(list(self.cluster.workers)[-1])
        self.resume()

    def restart(self) -> None:
        """Stop all, and start all again: nothing ends by that."""
        self.commit()
        for worker in self.cluster.workers.values():
            worker.send(signal.SIGTERM)
        for name, worker in self.cluster.workers.items():
            assert worker.wait() == 0, worker.said
            self.cluster.workers[name] = self.cluster.start(name)
        self.resume()


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_each_case_has_its_result(tmp_path: Path, workers: int) -> None:
    # A checkpoint of some hundred stages costs more than what these have to do.
    with hosts_in(tmp_path, interval="1s") as hosts:
        hosts.environment["PYTHONPATH"] = str(Path(cases_of_time.__file__).parents[1])
        (tmp_path / "released").write_text("0")
        config = tmp_path / "more.toml"
        config.write_text(WHOLE_BATCHES)
        flags = ("--config", str(config))
        # Not that file itself: a neighbour may hide a module, and all of ours are imported then.
        (tmp_path / "cases.py").write_text(f"from {cases_of_time.__name__} import app\n")
        application = str(tmp_path / "cases.py")
        cluster = Killer(hosts, application, workers, *flags, args=(str(tmp_path),))
        cluster.until("running")
        lockstep = Lockstep(cluster, tmp_path)
        for steps in range(1, 1 + max(len(case.steps) for case in CASES.values())):
            lockstep.release(steps)
            if steps == KILLED_AFTER:
                lockstep.kill()
            if steps == RESTARTED_AFTER:
                lockstep.restart()
        lockstep.write(END)
        cluster.until("completed")
        cluster.end()
    found: dict[str, list[str]] = {name: [] for name in CASES}
    for part in sorted((tmp_path / "out").glob("[!.]*")):
        for line in part.read_text().splitlines():
            name, _, text = line.partition(" ")
            found[name].append(text)
    assert found == {name: list(case.lines) for name, case in CASES.items()}
