"""What is copied while records flow is not copied again, and makes no difference to what is had."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import structlog
from support.handing import (
    BALLOT,
    BETA,
    change_of,
    committed_after,
    committed_from_now,
    counts_in,
    dialling,
    halt,
    joining,
    running,
    staged,
    windowing,
    windows_in,
)
from support.lone import Lone

from wallarood.control.change.effects import CopyAhead, StageChange
from wallarood.control.change.events import AheadCopied, ChangeStaged
from wallarood.flow.state.buckets import BucketState
from wallarood.flow.state.keyed import KeyedState
from wallarood.model.ids import Address
from wallarood.model.messages.replicas import ChunkGroup
from wallarood.net.tcp import DataChannel
from wallarood.runtime.change import ahead as ahead_
from wallarood.runtime.change import collecting
from wallarood.runtime.change.ahead import copy_ahead


def ahead_of(wanted: StageChange) -> CopyAhead:
    cluster_id, topology = wanted.record.cluster_id, wanted.record.topology
    return CopyAhead("first", cluster_id, topology, wanted.previous, wanted.old_members)


def put_off_bases(lone: Lone) -> None:
    """All keys change all the time here: each capture would be a base."""
    assert lone.worker.job is not None
    for states in lone.worker.job.collector.states.values():
        for state in states.values():
            if isinstance(state, KeyedState | BucketState):
                state.postpone_base(10_000)


async def copied(alpha: Lone, beta: Lone) -> None:
    """beta has copied what it will take over from alpha, which runs."""
    beta.worker.dial_data = dialling(alpha)
    await copy_ahead(beta.worker, ahead_of(change_of(alpha, BETA)))
    assert beta.worker.posted.pop() == AheadCopied("first")
    assert beta.worker.change.moving == ""


async def staged_by(alpha: Lone, beta: Lone) -> StageChange:
    """Both have staged the change from the last checkpoint."""
    wanted = change_of(alpha, BETA)
    own = attrs.evolve(wanted.record, worker="beta")
    assert await staged(alpha, wanted) == ChangeStaged(BALLOT)
    asked = StageChange(BALLOT, own, wanted.previous, wanted.old_members)
    assert await staged(beta, asked) == ChangeStaged(BALLOT)
    return wanted


def check_adopted(alpha: Lone, beta: Lone, wanted: StageChange) -> None:
    """Each has its share on disk and in memory, and both together have all that alpha had."""
    change = wanted.record.change
    assert change is not None
    assert alpha.worker.node.record is not None
    number, found = change.basis.number, {}
    had = counts_in(alpha, alpha.worker.node.record, number)
    for lone in (alpha, beta):
        assert lone.worker.checkpoints is not None
        rows = lone.worker.store.changes_in(lone.worker.checkpoints)
        rows.adopt(attrs.evolve(wanted.record, worker=lone.worker.member.name))
        share = counts_in(lone, wanted.record, number)
        kept = lone.worker.change.kept
        if lone is beta:
            assert kept is not None, "what came is in memory"
            assert list(kept.states) == ["seen"]
        if kept is not None and kept.states:
            assert kept.begin(change.basis, change) == {"seen"}
            assert counts_in(lone, wanted.record, number, kept=kept.take) == share
        found |= share
    assert found == had
    assert len(found) == 50


async def test_only_what_has_changed_since_is_left_for_later(tmp_path: Path) -> None:
    async with running(tmp_path / "alpha") as alpha, joining(tmp_path / "beta") as beta:
        put_off_bases(alpha)
        assert alpha.worker.checkpoints is not None
        await committed_from_now(alpha)  # a base may be under way
        await copied(alpha, beta)
        ahead = beta.worker.change.ahead
        assert ahead is not None
        first = set(ahead.there["alpha"])
        assert first
        await committed_after(alpha, max(each.number for each in first))
        await halt(alpha)
        wanted = await staged_by(alpha, beta)
        assert beta.worker.change.ahead is None
        assert set(ahead.there["alpha"]) > first, "changes have come as well"
        check_adopted(alpha, beta, wanted)


async def test_it_is_copied_again_and_again_until_little_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead_, "ENOUGH_S", 0.0)
    async with running(tmp_path / "alpha") as alpha, joining(tmp_path / "beta") as beta:
        put_off_bases(alpha)
        with structlog.testing.capture_logs() as said:
            await copied(alpha, beta)
        took = [each["seconds"] for each in said if each["event"] == "copied while records flow"]
        assert len(took) >= 2
        assert took[-1] >= ahead_.LESS * took[-2] - 0.001, "it was not getting shorter"


async def test_what_has_been_overtaken_by_a_base_is_copied_again(tmp_path: Path) -> None:
    async with running(tmp_path / "alpha") as alpha, joining(tmp_path / "beta") as beta:
        await copied(alpha, beta)
        ahead = beta.worker.change.ahead
        assert ahead is not None
        ahead.there["alpha"] = (ChunkGroup("seen", 99, 1),)
        await halt(alpha)
        with structlog.testing.capture_logs() as said:
            wanted = await staged_by(alpha, beta)
        assert any("has been overtaken" in each["event"] for each in said)
        check_adopted(alpha, beta, wanted)


async def test_what_cannot_be_copied_ahead_is_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "FETCH_S", 0.0)

    @asynccontextmanager
    async def dial(_: Address) -> AsyncIterator[DataChannel]:
        raise OSError("nobody is there")
        yield

    async with running(tmp_path / "alpha") as alpha, joining(tmp_path / "beta") as beta:
        wanted = change_of(alpha, BETA)
        beta.worker.dial_data = dial
        with structlog.testing.capture_logs() as said:
            await copy_ahead(beta.worker, ahead_of(wanted))
        (why,) = [each["reason"] for each in said if "nothing is copied" in each["event"]]
        assert "alpha does not hand over its part: nobody is there" in why
        assert beta.worker.posted.pop() == AheadCopied("first")
        assert beta.worker.change.ahead is None


async def test_windows_are_copied_ahead_and_those_that_have_ended_since_are_gone(
    tmp_path: Path,
) -> None:
    async with (
        running(tmp_path / "alpha", windowing()) as alpha,
        joining(tmp_path / "beta", windowing()) as beta,
    ):
        put_off_bases(alpha)
        assert alpha.worker.checkpoints is not None
        await committed_from_now(alpha)  # a base may be under way
        await copied(alpha, beta)
        ahead = beta.worker.change.ahead
        assert ahead is not None
        first = set(ahead.there["alpha"])
        assert first
        assert alpha.worker.node.record is not None
        (state,) = ahead.states.values()
        assert isinstance(state, BucketState)
        there = set(state.buckets)
        await alpha.until(lambda: not there & open_windows(alpha))
        await committed_from_now(alpha)
        await halt(alpha)
        had = windows_in(alpha, alpha.worker.node.record, alpha.worker.checkpoints.committed.number)
        assert not there & {span for span, _ in had}
        wanted = await staged_by(alpha, beta)
        assert set(ahead.there["alpha"]) > first, "it was not copied from the beginning"
        change = wanted.record.change
        assert change is not None
        found: dict[object, object] = {}
        for lone in (alpha, beta):
            assert lone.worker.checkpoints is not None
            rows = lone.worker.store.changes_in(lone.worker.checkpoints)
            rows.adopt(attrs.evolve(wanted.record, worker=lone.worker.member.name))
            share = windows_in(lone, wanted.record, change.basis.number)
            assert share
            assert not share.keys() & found.keys()
            found |= share
        assert found == had


def open_windows(lone: Lone) -> set[tuple[int, int]]:
    assert lone.worker.job is not None
    kept = [s for some in lone.worker.job.collector.states.values() for s in some.values()]
    (state,) = [each for each in kept if isinstance(each, BucketState)]
    return set(state.buckets)
