"""The status of all members: who answers in time is in it, and who does not is named."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
import trio
from support.clusters import healthy_cluster
from support.lone import Lone, endless, lone_worker, reporter_of
from support.nodes import running_beta
from support.patience import patiently
from trio.testing import MockClock, wait_all_tasks_blocked

from wallarood.admin import gathering as module
from wallarood.admin.gathering import Gathering
from wallarood.admin.status import ClusterStatus
from wallarood.control.events import StatusAsked, StatusGiven
from wallarood.model.messages import StatusTold, StatusWanted
from wallarood.wire.strict import unstructure


def gathering(lone: Lone) -> Gathering:
    return Gathering(lone.worker, reporter_of(lone.worker).status)


@asynccontextmanager
async def second_of_two(directory: Path) -> AsyncIterator[tuple[Lone, Gathering]]:
    """A worker whose node is beta, which is connected to alpha."""
    async with lone_worker(directory, endless([]), driven=False) as lone:
        lone.worker.node = running_beta()
        yield lone, gathering(lone)


def told(of: Gathering, name: str, number: int) -> StatusTold:
    value = unstructure(of.status()) | {"worker": name}
    return StatusTold(number, json.dumps(value))


async def test_a_worker_alone_asks_nobody(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([])) as lone:
        await lone.running()
        found = await gathering(lone).gather()
        assert (found.asked.worker, found.others, found.silent) == ("alpha", (), ())


async def test_who_is_asked_answers_with_its_own_status_in_any_phase(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, endless([]), driven=False) as lone:
        gathering(lone).heard("beta", StatusWanted(7))
        (given,) = lone.worker.posted
        assert isinstance(given, StatusGiven)
        assert (given.asker, given.number) == ("beta", 7)
        assert json.loads(given.status)["worker"] == "alpha"


async def test_the_last_answer_ends_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 3600.0)
    async with second_of_two(tmp_path) as (lone, of):
        found: list[ClusterStatus] = []

        async def gather() -> None:
            found.append(await of.gather())

        with patiently(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(gather)
                await wait_all_tasks_blocked()
                assert list(lone.worker.posted) == [StatusAsked(0)]
                of.heard("alpha", told(of, "alpha", 0))
        (status,) = found
        assert [each.worker for each in status.others] == ["alpha"]
        assert status.silent == ()


async def test_who_does_not_answer_in_time_is_named_and_what_means_nothing_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    async with second_of_two(tmp_path) as (_, of):
        found: list[ClusterStatus] = []

        async def gather() -> None:
            found.append(await of.gather())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(gather)
            await wait_all_tasks_blocked()
            of.heard("alpha", StatusTold(0, '{"of": "another version"}'))
            of.heard("alpha", told(of, "alpha", 5))
            of.heard("gamma", told(of, "gamma", 0))
        (status,) = found
        assert (status.others, status.silent) == ((), ("alpha",))
        of.heard("alpha", told(of, "alpha", 0))  # too late: its question is gone


STATUSES = {each.worker: each for each in healthy_cluster().cluster.workers}


@attrs.define(eq=False)
class Cable:
    """Carries questions and answers between gatherings, as the control channels do."""

    nursery: trio.Nursery
    gatherings: dict[str, Gathering] = attrs.field(factory=dict)
    cut: set[str] = attrs.field(factory=set)

    def add(self, name: str, kinds: Mapping[str, Any]) -> None:
        worker: Any = SimpleNamespace(
            node=SimpleNamespace(peers=tuple(each for each in STATUSES if each != name)),
            member=SimpleNamespace(name=name),
            nursery=self.nursery,
            post=lambda event: self.post(name, event),
            on_status=None,
        )
        self.gatherings[name] = Gathering(worker, lambda: STATUSES[name], kinds)

    def post(self, name: str, event: object) -> None:
        """What the node makes of an event: a message to all others, or to the one that asked."""
        if isinstance(event, StatusAsked):
            for other in set(self.gatherings) - {name} - self.cut:
                wanted = StatusWanted(event.number, event.query)
                self.gatherings[other].worker.on_status(name, wanted)
        elif isinstance(event, StatusGiven):
            told = StatusTold(event.number, event.status)
            self.gatherings[event.asker].worker.on_status(name, told)


@pytest.fixture
def cable(nursery: trio.Nursery) -> Cable:
    made = Cable(nursery)

    async def length(query: Mapping[str, Any]) -> Any:
        if "text" not in query:
            raise ValueError("expected a text")
        await trio.sleep(0.1)
        return len(str(query["text"]))

    for name in STATUSES:
        made.add(name, {"length": length})
    return made


async def test_a_query_goes_to_all_and_who_does_not_answer_in_time_is_named(
    cable: Cable, autojump_clock: MockClock
) -> None:
    cable.cut.add("gamma")
    answers, silent = await cable.gatherings["alpha"].ask({"kind": "length", "text": "abc"})
    assert (answers, silent) == ({"alpha": 3, "beta": 3}, ("gamma",))


async def test_each_answers_a_query_also_if_it_is_wrong_or_not_known(
    cable: Cable, autojump_clock: MockClock
) -> None:
    gathering = cable.gatherings["gamma"]
    answers, _ = await gathering.ask({"kind": "length"})
    assert {str(each) for each in answers.values()} == {"{'error': 'expected a text'}"}
    answers, _ = await gathering.ask({"kind": "nothing"})
    assert answers["alpha"] == {"error": "alpha does not know this question"}
