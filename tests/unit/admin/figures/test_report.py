"""Figures as they are told: content only where that is allowed, and never too long."""

from types import SimpleNamespace
from typing import Any

from wallarood.admin.figures.report import (
    HIDDEN,
    TEXT_CHARACTERS_MAX,
    Figures,
    copy_of,
    delivery_of,
    links_of,
    runs_of,
)
from wallarood.admin.figures.sampler import Sampler
from wallarood.admin.figures.values import CopyStatus
from wallarood.admin.status import StageStatus
from wallarood.control.replicas.events import HolderHas, PartToCopy
from wallarood.control.replicas.replicator import Replicator
from wallarood.flow.sampled.hot_keys import HotKeys
from wallarood.model.change import PartName
from wallarood.model.checkpoint import CheckpointId
from wallarood.model.pipeline import DeadLetter
from wallarood.runtime.checkpoint_log import DELIVERY_S, CheckpointLog
from wallarood.runtime.dataflow.counters import LinkCounters, Sample, StageCounters
from wallarood.runtime.dataflow.looks import Looks
from wallarood.runtime.worker import ReplicaLinks


def figures(*, shows: int = 1) -> Figures:
    worker: Any = SimpleNamespace(job=None, checkpoint_log=CheckpointLog())
    return Figures(Sampler(worker), bool(shows))


def failed() -> StageCounters:
    counters = StageCounters()
    record = "x" * 3 * TEXT_CHARACTERS_MAX
    counters.samples.append(Sample(5.0, DeadLetter("count", "ValueError: x", "a.py", 3, record)))
    return counters


def hot_task() -> Any:
    hot = HotKeys()
    for _ in range(10):
        hot.look(["secret"] * 100 + [f"{n}" for n in range(10)])
    return SimpleNamespace(looks=Looks(hot))


def test_failures_are_told_with_their_place_and_cut() -> None:
    (sample,) = figures().added(StageStatus(0, "count", "simple"), failed()).failures
    assert (sample.at, sample.computation, sample.error) == (5.0, "count", "ValueError: x")
    assert (sample.file, sample.line) == ("a.py", 3)
    assert len(sample.record) == TEXT_CHARACTERS_MAX + 1


def test_where_content_may_not_be_shown_only_numbers_are() -> None:
    hidden = figures(shows=0)
    (sample,) = hidden.added(StageStatus(0, "count", "simple"), failed()).failures
    assert (sample.record, sample.error, sample.line) == (HIDDEN, HIDDEN, 3)
    assert {key.key for key in hidden.hot_keys(hot_task())} == {HIDDEN}
    assert figures().hot_keys(hot_task())[0].key == "secret"


def test_a_key_whose_repr_fails_is_told_by_its_class() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ValueError("no")

    hot = HotKeys()
    hot.look([Odd()] * 20)
    hot.look([odd := Odd()] * 20)
    hot.look([odd] * 20)
    task: Any = SimpleNamespace(looks=Looks(hot))
    assert figures().hot_keys(task)[0].key == "<Odd whose repr raised ValueError>"


def test_links_tell_what_went_each_way() -> None:
    sender = SimpleNamespace(counters=LinkCounters(10, 1.5))
    links: Any = SimpleNamespace(
        senders={"beta": sender}, receivers={"beta": SimpleNamespace(bytes_in=7)}
    )
    (link,) = links_of(links)
    assert (link.peer, link.bytes_out, link.bytes_in, link.blocked_s) == ("beta", 10, 7, 1.5)
    assert links_of(None) == ()


def test_checkpoints_are_told_oldest_first_with_the_time_to_the_commit() -> None:
    log = CheckpointLog()
    log.job_began(0.0)
    for number in (1, 2):
        log.begun(number, number, at=100.0 + number)
        log.barrier(number, number, records=number * 10)
    log.committed(1, 2.0)
    assert [(run.number, run.outcome) for run in runs_of(log)] == [(1, "committed"), (2, "running")]
    delivery = delivery_of(log)
    assert delivery.bounds_s == DELIVERY_S
    assert sum(delivery.counts) == 10


def test_the_copy_is_told_with_what_is_under_way() -> None:
    links = ReplicaLinks()
    assert copy_of(None, links, committed=3) is None
    replicator = Replicator("alpha", ("alpha", "beta"), layout=1)
    replicator.step(PartToCopy(CheckpointId(2, 7), 2), 0.0)
    under_way = copy_of(replicator, links, committed=6)
    assert under_way == CopyStatus("beta", None, True, "checkpoint 7 is not there yet")
    replicator.step(HolderHas((PartName(1, "alpha", 2, 7),)), 0.0)
    links.counters.bytes_out = 12
    assert copy_of(replicator, links, committed=7) == CopyStatus("beta", 7, False, "", 12)
    saved = copy_of(replicator, links, committed=8, saved=lambda: True)
    assert saved is not None
    assert not saved.fatal, "an older layout has it"
    later = copy_of(replicator, links, committed=8)
    assert later is not None
    assert later.fatal
