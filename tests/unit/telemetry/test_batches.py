"""A traced batch on one worker: its spans hang together from the source to the sink."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from support.lone import lone_worker

import wallarood as w
from wallarood.telemetry.batches import Sampling
from wallarood.telemetry.spans import Span, Spans
from wallarood.telemetry.tracer import WorkerTracer


class Seen:
    count = 0


def steps(rate: int) -> w.Application:
    @w.computation
    def double(number: int) -> int:
        return 2 * number

    @w.state_computation(state=Seen)
    def count(number: int, state: Seen) -> int:
        state.count += 1
        return number

    numbers = w.source("numbers", w.GeneratorSource(rate=rate))
    return w.application(
        "steps",
        numbers.to(double)
        .key_by(lambda n: n % 3, name="by")
        .to(count)
        .to_sink(w.ListSink([]), name="out"),
    )


async def spans_of(directory: Path, *, every: int, rate: int = 1000) -> list[Span]:
    """What is told of some batches of a worker."""
    spans = Spans()
    async with lone_worker(directory, steps(rate)) as lone:
        WorkerTracer(lone.worker, spans, every)
        await lone.running()
        job = lone.worker.job
        assert job is not None
        await lone.until(lambda: all(each.counters.records_in > 100 for each in job.sinks))
        if every:  # a source that waits for room has not told of its batch when the sink has
            await lone.until(lambda: len(roads_to_the_source(spans.waiting)) > 2)
    return list(spans.waiting)


def roads_to_the_source(spans: Iterable[Span]) -> list[list[str]]:
    found = {each.place.span: each for each in spans}
    roads = [road_of(each, found) for each in found.values() if each.name == "sink out"]
    return [road for road in roads if road[-1] == "source numbers"]


def road_of(sink: Span, found: dict[int, Span]) -> list[str]:
    """The names of the spans from *sink* back to where there is no more before."""
    names, span = [sink.name], sink
    while span.parent in found:
        before = found[span.parent]
        assert before.place.trace == span.place.trace
        assert before.start_ns <= span.start_ns
        names.append(before.name)
        span = before
    return names


@pytest.mark.parametrize("rate", [100, 100_000])
async def test_every_span_of_a_batch_is_part_of_the_one_before(tmp_path: Path, rate: int) -> None:
    """At a low rate a batch goes all the way in one go, at a high one it is queued."""
    spans = await spans_of(tmp_path, every=1, rate=rate)
    whole = ["sink out", "stage count", "stage numbers → double → by", "source numbers"]
    assert roads_to_the_source(spans)[:3] == [whole] * 3
    of_stages = [each for each in spans if "wallarood.stage" in each.attributes]
    assert {each.attributes["wallarood.worker"] for each in of_stages} == {"alpha"}
    assert all(each.attributes["wallarood.records"] for each in of_stages)


async def test_nothing_is_put_into_tasks_where_no_batch_is_traced(tmp_path: Path) -> None:
    names = {each.name.partition(" ")[0] for each in await spans_of(tmp_path, every=0)}
    assert names.isdisjoint({"source", "stage", "sink"})


def test_one_batch_in_so_many_is_traced_the_first_always() -> None:
    sampling = Sampling(Spans(), 10)
    chosen = [number for number in range(10_000) if sampling.is_next()]
    assert chosen[0] == 0
    assert 800 < len(chosen) < 1200
    distances = {later - at for at, later in pairwise(chosen)}
    assert min(distances) < 5
    assert max(distances) > 15
    every = Sampling(Spans(), 1)
    assert all(every.is_next() for _ in range(99))
