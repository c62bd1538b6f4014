"""A round on this worker: it begins when it is durable, and ends with nothing left of it."""

from pathlib import Path

import pytest
from support.lone import endless, lone_worker

import wallarood as w
from wallarood.control.events import JobBroke, JobHalted
from wallarood.control.worker_state import WorkerState
from wallarood.model.errors import (
    ApplicationError,
    CannotCreateError,
    PeersGoneError,
    WallaroodError,
)
from wallarood.runtime.rounds.running import _fail, halt


async def test_a_round_that_is_halted_has_ended_and_nothing_of_it_is_written_any_more(
    tmp_path: Path,
) -> None:
    records: list[int] = []
    async with lone_worker(tmp_path, endless(records), checkpoint__interval="50ms") as lone:
        await lone.running()
        round_ = lone.worker.round
        assert round_ is not None
        assert round_.ready.is_set()
        await halt(lone.worker)
        assert round_.ended.is_set()
        assert lone.worker.running is None
        assert JobHalted() in lone.worker.posted
        assert not [thread for thread in (lone.worker.turns._last,) if not thread.is_set()]
        count = len(records)
        await lone.until(lambda: True)
        assert len(records) == count


async def test_before_the_first_round_there_is_nothing_to_halt(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        await halt(lone.worker)
        assert list(lone.worker.posted) == [JobHalted()]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PeersGoneError("the server is away"), PeersGoneError),
        (ZeroDivisionError("by zero"), ApplicationError),
        (MemoryError(), CannotCreateError),
    ],
)
async def test_whose_fault_it_is_that_a_job_cannot_go_on_decides_who_ends(
    tmp_path: Path, error: Exception, told: type[WallaroodError]
) -> None:
    """What this host lacks ends this worker alone; what the application does ends all."""
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        _fail(lone.worker, error)
        (event,) = lone.worker.posted
        assert isinstance(event, JobBroke)
        assert type(event.error) is told


async def test_an_error_of_user_code_ends_the_round_and_the_worker(tmp_path: Path) -> None:
    @w.computation
    def breaks(number: int) -> int:
        return 1 // (3 - number)

    source = w.source("numbers", w.GeneratorSource(count=10))
    application = w.application("breaks", source.to(breaks).to_sink(w.ListSink([])))
    async with lone_worker(tmp_path, application) as lone:
        await lone.until(lambda: lone.worker.node.failure)
        failure = lone.worker.node.failure
        assert isinstance(failure, ApplicationError)
        assert "ZeroDivisionError" in failure.message
        assert lone.worker.node.state is WorkerState.FAILED
        round_ = lone.worker.round
        assert round_ is not None
        await round_.ended.wait()
