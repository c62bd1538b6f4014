"""Ours: windows and joins with the public API, run as real workers by `wallarood run`."""

from typing import Any

import wallarood as w
from bench.contestants.ours import MemorySink, MemorySource
from bench.job import Job, Probe
from bench.timedata import GAP_S, OUT_OF_ORDER_S, WINDOW_S, WITHIN_S, Reading

TIME = w.event_time(
    lambda reading: reading[2],
    unit="us",
    out_of_order=f"{OUT_OF_ORDER_S}s",
)
WITHIN = (f"-{WITHIN_S}s", f"{WITHIN_S}s")


class ShowingProbe(Probe):
    """Keeps results as they are while the clock runs, and writes what others can read of them."""

    def _write(self) -> None:
        self.outputs = [
            (result.key, result.value)
            if isinstance(result, w.Windowed)
            else (result[0][0], result[0][1], result[1] and result[1][1])
            for result in self.outputs
        ]
        super()._write()


def keyed(source: Any) -> Any:
    """A stream of readings by key."""
    return source.key_by(lambda reading: reading[0])


def steps(workload: str, streams: list[Any]) -> Any:
    """The steps of a workload."""
    number = w.sum(of=lambda reading: reading[1])
    if workload == "T1":
        return keyed(streams[0]).window(w.tumbling(f"{WINDOW_S}s")).aggregate(number)
    if workload == "T2":
        return keyed(streams[0]).window(w.session(f"{GAP_S}s")).aggregate(number)
    left, right = map(keyed, streams)
    if workload == "T3":
        return left.join(right, within=WITHIN)
    return left.join_asof(right, within=w.forever)


def app(args: list[str]) -> w.Application:
    """The application of the job of this process."""
    job = Job.here()
    probe = ShowingProbe(job)
    parts = job.sides()
    streams = [
        w.source(f"input-{place}", MemorySource(side, probe, Reading), time=TIME)
        for place, side in enumerate(zip(*parts, strict=True))
    ]
    made = steps(job.workload, streams)
    return w.application(f"bench {job.workload}", made.to_sink(MemorySink(probe)))
