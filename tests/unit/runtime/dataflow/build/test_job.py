"""Jobs as they are built: however long a pipeline is, a record passes it."""

from pathlib import Path
from typing import Any

import pytest
import trio

import wallarood as w
from wallarood.app.connector import SourceLimits
from wallarood.model.batch import Barrier
from wallarood.model.checkpoint import FIRST_CHECKPOINT, Restored
from wallarood.model.messages import Listing
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.build.job import HOPS_AT_ONCE_MAX, build_job, restore_states
from wallarood.runtime.dataflow.build.plan import Plan, Reporting
from wallarood.runtime.dataflow.build.stages import compile_stages
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.job import POSITIONS_MAX, Job
from wallarood.runtime.dataflow.limits import JobLimits

STAGES = 300


class Count:
    """How many records were seen."""

    n = 0


def stage(number: int) -> object:
    @w.state_computation(state=Count, name=f"count-{number}")
    def count(record: int, state: Count) -> int:
        state.n += 1
        return record

    return count


def long_application(results: list[int], stages: int) -> w.Application:
    stream = w.source("numbers", w.GeneratorSource(count=3, rate=20))
    for number in range(stages):
        stream = stream.key_by(lambda n: f"k{n % 5}").to(stage(number))  # type: ignore[assignment, arg-type]
    return w.application("long", stream.to_sink(w.ListSink(results), name="out"))


def job_of(application: w.Application, path: Path, compiled: dict[int, Any] | None = None) -> Job:
    """The job of a single worker that begins from nothing; into *compiled* its segments."""
    listings = (("alpha", (Listing("numbers", ("0",)),)),)
    wiring = Wiring(plan(application, ("alpha",), listings), "alpha")
    restored = Restored(FIRST_CHECKPOINT)
    gate = Gate()
    gate.open("start")

    def no_port(*_: object) -> None:
        raise AssertionError("there is no other worker")

    states = restore_states(application, wiring, restored)
    segments = compile_stages(application, wiring, states)
    if compiled is not None:
        compiled.update(segments)
    return build_job(
        Plan(
            application=application,
            wiring=wiring,
            cluster_id="wc-1",
            cluster_path=path,
            life="1",
            line=0,
            restored=restored,
            gate=gate,
            limits=JobLimits(SourceLimits(), 4, 0.005, 60.0),
            remote_port=no_port,  # type: ignore[arg-type]
            codecs={},
            reporting=Reporting(lambda *_: None, lambda _: None, lambda: None),
            segments=segments,
        ),
        states,
    )


def test_stages_are_not_compiled_again_where_that_was_done_off_the_loop(tmp_path: Path) -> None:
    compiled: dict[int, Any] = {}
    job = job_of(long_application([], 2), tmp_path, compiled)

    assert [task.stage.index for task in job.stages] == list(compiled)
    assert all(task.segments is compiled[task.stage.index] for task in job.stages)


def test_a_single_record_passes_hundreds_of_stages(tmp_path: Path) -> None:
    results: list[int] = []
    job = job_of(long_application(results, STAGES), tmp_path)

    trio.run(job.run)

    assert sorted(results) == [0, 1, 2]


@pytest.mark.parametrize("stages", [1, 5, 60])
def test_few_stages_in_a_row_are_passed_in_one_task(stages: int, tmp_path: Path) -> None:
    job = job_of(long_application([], stages), tmp_path)

    in_place = [inbox.consumer is not None for _, inbox in sorted(job.inboxes.items())]
    runs = "".join("x" if each else " " for each in in_place).split()
    assert max(map(len, runs)) <= HOPS_AT_ONCE_MAX
    assert in_place.count(False) == (len(in_place) - 1) // HOPS_AT_ONCE_MAX
    assert in_place[0]


def test_positions_do_not_pile_up_while_nothing_is_forgotten(tmp_path: Path) -> None:
    # While a checkpoint is kept by its name, sources are told of none.
    job = job_of(long_application([], 1), tmp_path)
    for number in range(1, 300):
        assert job.put_barrier(Barrier(1, number))
        job.committed(number)
        assert list(job.positions) == [number]
    for number in range(300, 900):  # none is committed: the disk of another worker is full
        job.put_barrier(Barrier(1, number))
    assert len(job.positions) <= POSITIONS_MAX


def test_a_source_is_told_whether_the_times_of_records_are_used(tmp_path: Path) -> None:
    def told(**options: Any) -> bool:
        stream = w.source("numbers", w.GeneratorSource(count=3), **options)
        job = job_of(w.application("a", stream.to_sink(w.ListSink([]), name="out")), tmp_path)
        return job.sources["numbers"].context.stamps

    assert not told()
    assert told(time=w.event_time(lambda number: number))
