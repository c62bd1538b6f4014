"""A round: what is to be done with its job is done in order, and not when it has ended."""

import trio
from trio.testing import wait_all_tasks_blocked

from wallarood.model.checkpoint import CheckpointId
from wallarood.model.messages import RoundProposal
from wallarood.model.topology import Topology
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.part_collector import PartCollector
from wallarood.runtime.worker import Round, Work

ALONE = ("alpha",)


def a_round() -> Round:
    return Round(RoundProposal("attempt", 1, CheckpointId(0, 0), 0, (), 0))


def a_job() -> Job:
    collector = PartCollector("alpha", {}, {}, 0, lambda: None, lambda _: None, lambda: None)
    wiring = Wiring(Topology(1, "app", ALONE, (), ()), "alpha")
    return Job(wiring, Gate(), {}, {}, {}, [], [], collector)


def saying(what: str, done: list[str]) -> Work:
    return lambda _job, _nursery: done.append(what)


async def test_what_came_before_the_job_stood_is_done_first() -> None:
    mine, done = a_round(), list[str]()
    mine.works.send_nowait(saying("a barrier", done))
    mine.works.send_nowait(saying("a commit", done))
    mine.job = a_job()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mine.do_works)
        await wait_all_tasks_blocked()
        mine.works.send_nowait(saying("another barrier", done))
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert done == ["a barrier", "a commit", "another barrier"]


async def test_what_comes_when_the_round_has_ended_is_left() -> None:
    """A commit may come in the very tick in which a job fails: its nursery takes no more tasks."""
    mine, done = a_round(), list[str]()
    mine.job = a_job()
    async with trio.open_nursery() as mine.nursery:
        mine.nursery.start_soon(mine.do_works)
        await wait_all_tasks_blocked()
        mine.nursery.cancel_scope.cancel()
    mine.works.send_nowait(saying("a commit", done))
    await wait_all_tasks_blocked()
    assert done == []
