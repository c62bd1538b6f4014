"""Orders of an operator are taken or refused at once, and a refusal says why."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.lone import Lone, endless, lone_worker

import wallarood as w
from wallarood.admin.orders import OrderRefusedError, Orders
from wallarood.control.worker_state import WorkerState
from wallarood.model.errors import ConfigurationError
from wallarood.planning.upgrade import kept_as


def nothing() -> list[str]:
    return []


@asynccontextmanager
async def ordered(directory: Path) -> AsyncIterator[tuple[Lone, Orders]]:
    async with lone_worker(directory, endless([])) as lone:
        await lone.running()
        yield lone, Orders(lone.worker, 5.0, nothing)


async def test_a_checkpoint_is_the_first_committed_one_above_the_number_that_is_answered(
    tmp_path: Path,
) -> None:
    async with ordered(tmp_path) as (lone, orders):
        after = orders.checkpoint({})["after"]
        store = lone.worker.checkpoints
        assert store is not None
        await lone.until(lambda: store.committed.number > after)


async def test_a_checkpoint_is_kept_by_its_name_until_it_is_dropped(tmp_path: Path) -> None:
    async with ordered(tmp_path) as (lone, orders):
        store = lone.worker.checkpoints
        assert store is not None
        orders.checkpoint({"keep": "mine"})
        await lone.until(lambda: "mine" in store.kept)
        with pytest.raises(OrderRefusedError, match="already kept as 'mine': drop it first"):
            orders.checkpoint({"keep": "mine"})
        with pytest.raises(OrderRefusedError, match="kept as 'other'; kept checkpoints: 'mine'"):
            orders.drop({"name": "other"})
        orders.drop({"name": "mine"})
        await lone.until(lambda: not store.kept)
        with pytest.raises(OrderRefusedError, match="kept checkpoints: none"):
            orders.drop({"name": "mine"})


@pytest.mark.parametrize("name", ["x" * 65, "a\nb", "\0"])
async def test_a_name_that_would_not_print_in_a_line_is_refused(tmp_path: Path, name: str) -> None:
    async with ordered(tmp_path) as (_, orders):
        with pytest.raises(OrderRefusedError, match="at most 64 printable characters"):
            orders.checkpoint({"keep": name})


async def test_the_name_of_the_way_back_from_an_upgrade_is_not_given_away(tmp_path: Path) -> None:
    async with ordered(tmp_path) as (_, orders):
        with pytest.raises(OrderRefusedError, match="is the way back from an upgrade"):
            orders.checkpoint({"keep": "before-upgrade"})


NAMES = [f"a-name-as-long-as-one-may-well-be-in-a-large-application-{n}" for n in range(4)]


async def test_what_an_upgrade_drops_must_be_there_and_may_be_much(tmp_path: Path) -> None:
    source = w.source("in", w.GeneratorSource(rate=100))
    ends = [source.to_sink(w.ListSink([]), name=name) for name in NAMES]
    async with lone_worker(tmp_path, w.application("a", *ends)) as lone:
        await lone.running()
        orders, store = Orders(lone.worker, 5.0, nothing), lone.worker.checkpoints
        assert store is not None
        wrong = "--drop 'typo': nothing of that name is kept; there are 'in', 'a-name-as-long"
        with pytest.raises(OrderRefusedError, match=wrong):
            orders.checkpoint({"keep": kept_as(["in", "typo"])})
        orders.checkpoint({"keep": kept_as(NAMES)})
        await lone.until(lambda: kept_as(NAMES) in store.kept)


async def test_while_no_round_runs_there_is_nothing_to_take_or_drop(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        orders = Orders(lone.worker, 5.0, nothing)
        for order in (orders.checkpoint, orders.drop):
            with pytest.raises(OrderRefusedError, match="not possible while the worker is forming"):
                order({})
        assert not lone.worker.posted


async def test_after_the_final_checkpoint_there_is_no_other(tmp_path: Path) -> None:
    application = w.application("a", w.source("in", w.ListSource([1])).to_sink(w.ListSink([])))
    async with lone_worker(tmp_path, application) as lone:
        await lone.until(lambda: lone.worker.node.completed)
        with pytest.raises(OrderRefusedError, match="its final checkpoint was the last one"):
            Orders(lone.worker, 5.0, nothing).checkpoint({})


async def test_a_shutdown_says_who_does_not_hear_of_it_and_ends_the_others(tmp_path: Path) -> None:
    async with ordered(tmp_path) as (lone, orders):
        assert orders.shut_down({})["absent"] == []
        await lone.until(lambda: lone.worker.node.state is WorkerState.FINISHED)


async def test_a_reload_answers_what_has_changed_or_why_nothing_has(tmp_path: Path) -> None:
    def wrong() -> list[str]:
        raise ConfigurationError("limits.window-bytes: needs a restart")

    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        orders = Orders(lone.worker, 5.0, lambda: ["log.level"])
        assert orders.by_name["reload"]({})["changed"] == ["log.level"]
        with pytest.raises(OrderRefusedError, match="needs a restart"):
            Orders(lone.worker, 5.0, wrong).reload({})


@pytest.mark.parametrize(
    ("order", "parameters"),
    [
        *(("shutdown", {}), ("checkpoint", {}), ("drop", {"name": "nightly"})),
        *(("shrink", {"names": "alpha"}), ("evict", {"names": "beta"})),
        *(("replace", {"names": "beta"}), ("upgrade", {}), ("upgrade", {"back": "1"})),
    ],
)
async def test_one_that_has_ended_for_a_new_epoch_takes_no_orders(
    tmp_path: Path, order: str, parameters: dict[str, str]
) -> None:
    """Its driver would never see them, and who waits for what comes of it waits in vain."""
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        lone.worker.node.ended_as = WorkerState.OUTDATED
        assert lone.worker.phase == "recovering", "the one that follows it is not there yet"
        orders = Orders(lone.worker, 1.0, list)
        with pytest.raises(OrderRefusedError, match="not possible while the worker is recovering"):
            orders.by_name[order](parameters)
        lone.worker.node.ended_as = None
