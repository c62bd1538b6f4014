"""What a real worker does becomes spans: its start, its checkpoints, its batches."""

from pathlib import Path

from support.lone import endless, lone_worker

from wallarood.telemetry.spans import Spans
from wallarood.telemetry.tracer import WorkerTracer


async def test_rounds_checkpoints_and_batches_of_a_worker_become_spans(tmp_path: Path) -> None:
    spans = Spans()
    async with lone_worker(tmp_path, endless([]), checkpoint__interval="50ms") as lone:
        tracer = WorkerTracer(lone.worker, spans, 1)
        assert lone.worker.tracer is tracer
        await lone.until(lambda: "publish" in {each.name for each in spans.waiting})
        record = lone.worker.node.record
        assert record is not None
    found = {each.name: each for each in spans.waiting}
    assert found["checkpoint"].place.trace == found["write"].place.trace
    assert found["checkpoint"].attributes["wallarood.cluster"] == record.cluster_id
    assert found["restore"].place.trace == found["recovery"].place.trace
    assert found["recovery"].attributes["wallarood.round"] == 1
    assert found["source numbers"].parent is None
