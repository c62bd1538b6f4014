"""What a contestant is told, and what it says: shared by all, on the standard library alone.

Theory of operation
===================
A contestant finds its job in the environment, makes its input in memory, and then lets the records
flow. The clock starts when the first batch is taken from the input, and is read again whenever
outputs have arrived at the sink: interpreter, imports, formation of a cluster and the making of the
input are not timed. Input is a slice of a list; output is added to a list. That is the cheapest
there is, the same for all, and lets every output be checked afterwards. Clocks are comparable
between processes: a cluster is timed from its first read to its last output on any of them.
"""

import atexit
import gc
import json
import os
import pickle
import resource
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench.data import records_of
from bench.timedata import Reading, sides_of

VARIABLE = "WALLAROOD_BENCH_JOB"


class Job(NamedTuple):
    """One run of one contestant. `parts` is in how many the input is dealt.

    `rate` (records a second in all) and `checkpoint_s` (0: none) are of W4 alone; its size is how
    many records come in all. What follows is of W7 alone; `slots` are the partitions of each of
    its stages, `profile` is how the names of the files begin that profiles go to.
    """

    workload: str
    size: int
    seed: int
    parts: int
    batch: int
    out: str
    part: int = 0
    rate: float = 0.0
    checkpoint_s: int = 0
    keys: int = 10_000
    record_bytes: int = 16
    stages: int = 1
    slots: int = 256
    profile: str = ""

    @classmethod
    def here(cls) -> "Job":
        """The job of this process."""
        return cls(**json.loads(os.environ[VARIABLE]))

    def environment(self) -> dict[str, str]:
        """What puts it into the environment of a contestant."""
        return {VARIABLE: json.dumps(self._asdict())}

    def input(self, part: int) -> list[Any]:
        """The records of *part*, which the garbage collector does not look at again."""
        records = records_of(self.workload, self.size, part=part, parts=self.parts, seed=self.seed)
        gc.collect()
        gc.freeze()
        return records

    def sides(self) -> list[list[list[Reading]]]:
        """The records of each part of a workload with time, by side."""
        sides = [
            sides_of(self.workload, self.size, part=part, parts=self.parts, seed=self.seed)
            for part in range(self.parts)
        ]
        gc.collect()
        gc.freeze()
        return sides


class Probe:
    """The clock and the sink of one process; written to a file of its own when the process ends."""

    def __init__(self, job: Job) -> None:
        self.outputs: list[Any] = []
        self.began = 0.0
        self.ended = 0.0
        self.cpu_began_s = 0.0
        self.cpu_s = 0.0
        self._file = Path(job.out) / f"{job.part}.pickle"
        atexit.register(self._write)

    def reads(self) -> None:
        """A batch is taken from the input."""
        if not self.began:
            self.began = time.monotonic()
            self.cpu_began_s = time.process_time()

    def wrote(self, records: list[Any]) -> None:
        """Outputs have arrived."""
        self.outputs.extend(records)
        self.ended = time.monotonic()
        self.cpu_s = time.process_time() - self.cpu_began_s

    def _write(self) -> None:
        if self.began or self.outputs:
            peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            facts = (self.began, self.ended, self.outputs, self.cpu_s, peak_mib)
            self._file.write_bytes(pickle.dumps(facts))


class Pace:
    """When the records of one part of W4 are due: evenly, from the first time it is asked.

    A record carries the time it was scheduled for, so that one that comes late because others were
    late is counted as late: no coordinated omission.
    """

    def __init__(self, job: Job) -> None:
        self.step = job.parts / job.rate
        self.count = job.size // job.parts
        self.made = 0
        self.began = 0.0

    def next_due(self) -> float | None:
        """When the next record is due, by the monotonic clock; None behind the last."""
        if not self.began:
            self.began = time.monotonic()
        return None if self.made >= self.count else self.began + self.made * self.step

    def due(self, limit: int) -> list[tuple[str, float]]:
        """Key and scheduled time of the records that are due now, at most *limit*."""
        passed = int((time.monotonic() - self.began) / self.step) + 1
        numbers = range(self.made, min(passed, self.count, self.made + limit))
        self.made = max(self.made, numbers.stop)
        return [(f"key-{number % 1000}", self.began + number * self.step) for number in numbers]


def late(records: list[tuple[str, float]]) -> list[tuple[float, float]]:
    """Scheduled time and seconds of delay of records that arrive now."""
    now = time.monotonic()
    return [(scheduled, now - scheduled) for _, scheduled in records]


class Result(NamedTuple):
    """What one run gave: seconds from first read to last output, and the outputs by process.

    `rates` are outputs a second of each process by its own clock, `cpu_s` what all used meanwhile,
    `peak_mib` the most memory that each had, summed up.
    """

    seconds: float
    outputs: list[list[Any]]
    rates: list[float]
    cpu_s: float
    peak_mib: float


def result_in(directory: Path) -> Result:
    """What the processes of one run have written. Raises ValueError: nothing."""
    parts = [pickle.loads(file.read_bytes()) for file in sorted(directory.glob("*.pickle"))]
    if not parts:
        raise ValueError("it has written no result")
    began = min(each[0] for each in parts if each[0])
    ended = max(each[1] for each in parts)
    outputs = [each[2] for each in parts if each[2]]
    rates = [len(each[2]) / (each[1] - each[0]) for each in parts if each[0] and each[2]]
    cpu_s, peak_mib = (sum(each[fact] for each in parts) for fact in (3, 4))
    return Result(ended - began, outputs, rates, cpu_s, peak_mib)
