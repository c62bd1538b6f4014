"""A profile counts what each hop does, also where it fails; without one nothing knows of it."""

from pathlib import Path

import pytest
import trio
from support.lone import endless, lone_worker

from wallarood.model.batch import Batch
from wallarood.runtime.profile import Hop, Profile, Spent, timed


def hop() -> Hop:
    return Hop("count", "user code", Spent.WORK)


def test_calls_records_and_seconds_add_up() -> None:
    counted = hop()
    double = timed(lambda batch: Batch(batch.values * 2), counted)
    assert len(double(Batch([1, 2]))) == 4
    double(Batch([3]))
    assert (counted.calls, counted.records) == (2, 3), "those that went in"
    assert counted.seconds > 0


def test_where_nothing_goes_in_what_comes_out_is_counted() -> None:
    counted = hop()
    assert len(timed(lambda: Batch([1, 2, 3]), counted)()) == 3
    assert counted.records == 3


def test_a_call_that_fails_is_counted_and_its_error_is_its_own() -> None:
    counted = hop()

    def fails(_: Batch) -> Batch:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        timed(fails, counted)(Batch([1]))
    assert (counted.calls, counted.records) == (1, 1)


async def test_the_time_of_what_is_awaited_counts() -> None:
    counted = hop()

    async def waits(batch: Batch) -> Batch:
        await trio.sleep(0.05)
        return batch

    await timed(waits, counted)(Batch([1]))
    assert counted.seconds >= 0.04
    assert counted.calls == 1


def test_a_hop_is_one_for_all_that_ask_for_it_by_name() -> None:
    profile = Profile()
    first = profile.hop("count", "reading", Spent.WAIT)
    assert profile.hop("count", "reading", Spent.WAIT) is first
    assert profile.hop("other", "reading", Spent.WAIT) is not first


async def test_what_a_worker_does_is_found_by_stage_and_hop(tmp_path: Path) -> None:
    records: list[int] = []
    profile = Profile()
    async with lone_worker(tmp_path, endless(records), profile=profile) as lone:
        await lone.running()
        await lone.until(lambda: len(records) > 50)
    hops = {what: each for (_, what), each in profile.hops.items()}
    assert hops["reading"].spent is Spent.WAIT
    assert hops["reading"].calls > 0
    assert hops["sink: write"].calls > 0
