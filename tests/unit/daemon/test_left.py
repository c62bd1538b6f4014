"""A worker leaves its states and its store to the next one of the process, if that is for them."""

import threading
from pathlib import Path

import attrs
import trio
import trio.testing
from support.handing import BALLOT, change_of, halted, staged

from wallarood.control.change.effects import AdoptChange
from wallarood.control.change.events import ChangeStaged
from wallarood.control.worker_state import WorkerState
from wallarood.daemon.left import Left
from wallarood.model.errors import RefusedError
from wallarood.runtime.change.deeds import perform_change


async def test_one_that_has_adopted_what_it_kept_states_for_leaves_them(tmp_path: Path) -> None:
    async with halted(tmp_path) as alpha:
        worker, wanted = alpha.worker, change_of(alpha)
        assert await staged(alpha, wanted) == ChangeStaged(BALLOT)
        perform_change(worker, AdoptChange(wanted.record))
        await worker.turns.wait_idle()
        worker.node.ended_as = WorkerState.OUTDATED
        left, store = Left(), worker.checkpoints
        left.take_from(worker, worker.store)
        assert left.kept is worker.change.kept
        worker.checkpoints, worker.change.kept = None, None
        left.hand_to(worker)
        assert worker.checkpoints is store
        assert worker.change.kept is not None
        assert left.kept is None
        left.take_from(worker, worker.store)


async def test_whatever_else_ends_closes_its_store(tmp_path: Path) -> None:
    async with halted(tmp_path) as alpha:
        worker, wanted, left = alpha.worker, change_of(alpha), Left()
        assert await staged(alpha, wanted) == ChangeStaged(BALLOT)
        for failure in (None, RefusedError("it is an older copy")):
            worker.change.failure = failure
            worker.node.ended_as = WorkerState.OUTDATED
            # Another change was adopted than the one that is kept for, or none.
            left.take_from(attrs.evolve(worker, checkpoints=None), worker.store)
            assert left.kept is None


async def test_a_store_that_is_called_is_not_closed(tmp_path: Path) -> None:
    """The disk is slow: what is written there while the worker ends comes to its end."""
    async with halted(tmp_path) as alpha:
        worker, goes_on = alpha.worker, threading.Event()
        store = worker.checkpoints
        assert store is not None

        def adopt() -> None:
            goes_on.wait(20)
            with store.transaction() as cursor:
                cursor.execute("SELECT 1")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker.turns.run, worker.turns.take(), adopt)
            await trio.testing.wait_all_tasks_blocked()
            Left().take_from(worker, worker.store)
            goes_on.set()
