"""A checkpoint is one trace: on each worker a span, with its phases one after the other in it."""

import time

from wallarood.control.events import SinksPublished, TimerFired
from wallarood.runtime.checkpoint_log import CheckpointLog
from wallarood.telemetry.checkpoints import PUBLISHING_MAX, Checkpoints
from wallarood.telemetry.spans import Span, Spans

SECOND = 1_000_000_000


def checkpoints(worker: str, log: CheckpointLog) -> Checkpoints:
    made = Checkpoints(worker, Spans(), lambda: "c-1", lambda: worker == "alpha", lambda: 3)
    log.on_end = made.ended
    return made


def taken(log: CheckpointLog, number: int) -> None:
    log.begun(number, 10.0, at=1000.0)
    log.collected(number, 10.5)
    log.written(number, 12.0, write_s=1.0, size_bytes=77)
    log.committed(number, 12.25)


def told(of: Checkpoints) -> dict[str, Span]:
    return {each.name: each for each in of.spans.take(99)}


def test_the_workers_parts_and_their_phases_make_one_trace() -> None:
    first = None
    for worker in ("alpha", "beta"):
        log = CheckpointLog()
        of = checkpoints(worker, log)
        taken(log, 4)
        of.stepped(SinksPublished(4))
        found = told(of)
        first = found.pop("checkpoint", first)
        assert first is not None
        assert first.parent is None
        whole = found[f"checkpoint on {worker}"]
        assert (whole.place.trace, whole.parent) == (first.place.trace, first.place.span)
        assert whole.end_ns - whole.start_ns == 2.25 * SECOND
        assert whole.attributes["wallarood.bytes"] == 77
        names = ["collect", "wait for the disk", "write", "commit"]
        parts = [found[name] for name in names]
        assert [part.end_ns - part.start_ns for part in parts] == [
            0.5 * SECOND,
            0.5 * SECOND,
            SECOND,
            0.25 * SECOND,
        ]
        assert [part.end_ns for part in parts[:-1]] == [part.start_ns for part in parts[1:]]
        assert found["publish"].parent == whole.place.span


def test_one_that_was_abandoned_is_wrong_and_the_leader_begins_it_once() -> None:
    log = CheckpointLog()
    of = checkpoints("alpha", log)
    log.begun(4, 10.0, at=time.time() - 5)
    log.abandoned(4)
    found = told(of)
    assert found["checkpoint on alpha"].wrong == "abandoned"
    assert found["checkpoint"].end_ns - found["checkpoint"].start_ns >= 5 * SECOND
    log.committed(4, 40.0)
    found = told(of)
    assert "checkpoint" not in found
    assert found["checkpoint on alpha"].wrong == ""


def test_what_is_published_late_is_told_then_and_not_awaited_without_bound() -> None:
    log = CheckpointLog()
    of = checkpoints("alpha", log)
    for number in range(PUBLISHING_MAX + 5):
        taken(log, number)
    of.spans.waiting.clear()
    of.stepped(TimerFired())
    assert not of.spans.waiting
    of.stepped(SinksPublished(PUBLISHING_MAX + 5))
    assert [each.name for each in of.spans.waiting] == ["publish"] * PUBLISHING_MAX
