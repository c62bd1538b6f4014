"""Pathway: `windowby`, `interval_join` and `asof_join` over its file connectors.

As in `pathway_app` the input is files that are written before the clock starts, and it runs in its
static mode: it need not keep time, judges nothing as late and tells of each window once.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pathway as pw

from bench.job import Job, Probe
from bench.timedata import GAP_S, SECOND, WINDOW_S, WITHIN_S

JOB = Job.here()


class Readings(pw.Schema):
    key: str
    number: int
    stamp: int


class NettingProbe(Probe):
    """Leaves out, once the clock has stopped, what was told and taken back."""

    def _write(self) -> None:
        added = Counter(row for is_addition, row in self.outputs if is_addition)
        added.subtract(row for is_addition, row in self.outputs if not is_addition)
        self.outputs = list(added.elements())
        super()._write()


def side(name: str) -> Any:
    return pw.io.csv.read(str(Path(JOB.out) / "input" / name), schema=Readings, mode="static")


def windowed(window: Any) -> Any:
    readings = side("0")
    windows = readings.windowby(readings.stamp, window=window, instance=readings.key)
    return windows.reduce(key=pw.this._pw_instance, number=pw.reducers.sum(pw.this.number))


def table_of(workload: str) -> Any:
    if workload == "T1":
        return windowed(pw.temporal.tumbling(duration=WINDOW_S * SECOND))
    if workload == "T2":
        return windowed(pw.temporal.session(max_gap=GAP_S * SECOND - 1))
    left, right = side("0"), side("1")
    if workload == "T3":
        reach = pw.temporal.interval(-WITHIN_S * SECOND, WITHIN_S * SECOND)
        joined = left.interval_join(right, left.stamp, right.stamp, reach, left.key == right.key)
    else:
        joined = left.asof_join(
            right, left.stamp, right.stamp, left.key == right.key, how=pw.JoinMode.LEFT
        )
    return joined.select(key=left.key, number=left.number, other=right.number)


def main() -> None:
    """Run this process of the program; the first one has the outputs."""
    probe = NettingProbe(JOB)

    def arrived(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        probe.wrote([(is_addition, tuple(row.values()))])

    pw.io.subscribe(table_of(JOB.workload), on_change=arrived)
    probe.reads()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    main()
