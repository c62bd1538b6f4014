"""Stages as they are built: for whose word the time of a source waits."""

from pathlib import Path
from typing import Any

import pytest
from support.shelves import ShelvesSource

import wallarood as w
from wallarood.app.connector import SourceLimits
from wallarood.model.checkpoint import FIRST_CHECKPOINT, Restored
from wallarood.model.messages import Listing
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.build.job import build_job, restore_states
from wallarood.runtime.dataflow.build.plan import Plan, Reporting
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.limits import JobLimits


def job_of_first(source: Any, *names: str, path: Path) -> Job:
    """The job of the first of two workers."""
    stamped = w.source("in", source, time=w.event_time(float, unit="s", drift="1s"))
    application = w.application("app", stamped.to_sink(w.StdoutSink()))
    workers = ("alpha", "beta")
    listings = tuple((worker, (Listing("in", names),)) for worker in workers)
    wiring = Wiring(plan(application, workers, listings), "alpha")
    restored = Restored(FIRST_CHECKPOINT)

    def no_port(*_: object) -> Any:
        raise AssertionError("every record stays where it is read")

    states = restore_states(application, wiring, restored)
    built = Plan(
        application=application,
        wiring=wiring,
        cluster_id="wc-1",
        cluster_path=path,
        life="1",
        line=0,
        restored=restored,
        gate=Gate(),
        limits=JobLimits(SourceLimits(), 4, 0.005, 60.0),
        remote_port=no_port,
        codecs={},
        reporting=Reporting(lambda *_: None, lambda _: None, lambda: None),
        segments=None,
    )
    return build_job(built, states)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (w.ListSource([1]), ("0", "1")),
        (ShelvesSource("x"), ()),
    ],
    ids=["listed before", "watched"],
)
def test_drift_waits_for_word_of_every_worker_that_may_read(
    source: Any, names: tuple[str, ...], tmp_path: Path
) -> None:
    job = job_of_first(source, *names, path=tmp_path)
    drift = job.sources["in"].drift
    assert drift is not None
    drift.time.observe("0", 1_000_000)
    assert drift.time.ahead("0") > drift.drift, "beta has not said where it stands"
    job.slowest_elsewhere("beta", (("in", None),))
    assert drift.time.ahead("0") == 0
