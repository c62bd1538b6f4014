"""What a lost worker's sinks have prepared is published by its heir, as that worker would have."""

from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from support.lone import Lone, lone_worker
from support.nodes import changed, record
from support.patience import patiently

import wallarood as w
from wallarood.app.connector import SinkContext
from wallarood.disk.inherited import InheritedFiles
from wallarood.model.change import Heir
from wallarood.model.checkpoint import CheckpointId, LeftSink, Restored, SinkPart
from wallarood.model.errors import DamagedStateError, PeersGoneError
from wallarood.model.ids import NO_SEAT
from wallarood.model.pipeline import Application
from wallarood.planning.change import lost_output
from wallarood.planning.plan import plan
from wallarood.runtime.change.inheriting import forget_copies, left_sinks, publish_left
from wallarood.runtime.change.takeover import Takeover

TRIO = ("alpha", "beta", "gamma")
BASIS = CheckpointId(1, 5)


@attrs.define
class Kept:
    """A sink that another worker can publish; it is away *refusals* times."""

    for_heirs: ClassVar[bool] = True
    refusals: int = 0
    damaged: bool = False
    opened: list[tuple[SinkContext, Any]] = attrs.field(factory=list)
    published: list[Any] = attrs.field(factory=list)
    closed: int = 0
    state: Any = None

    async def open(self, context: SinkContext, state: Any) -> "Kept":
        self.opened.append((context, state))
        return self

    async def write(self, records: list[Any]) -> None:
        pass

    async def prepare(self) -> Any:
        return None

    async def commit(self, prepared: Any) -> None:
        if self.damaged:
            raise DamagedStateError("it is gone")
        if self.refusals:
            self.refusals -= 1
            raise PeersGoneError("the server is away")
        self.published.append(prepared)

    async def aclose(self) -> None:
        self.closed += 1


class Local(Kept):
    for_heirs: ClassVar[bool] = False


def writing(sink: Kept) -> Application:
    numbers = w.source("numbers", w.GeneratorSource(rate=10))
    return w.application("writing", numbers.key_by(lambda n: n % 5).collect().to_sink(sink))


def test_the_heir_has_what_the_basis_lists_under_the_number_of_the_writer() -> None:
    application = w.application(
        "all", w.source("numbers", w.GeneratorSource(rate=10)).redistribute().to_sink(Kept())
    )
    (sink,) = [step.name for step in application.steps if step.connector.__class__ is Kept]
    previous = plan(application, TRIO, ())
    stage = next(each for each in previous.stages if sink in each.steps)
    numbered = attrs.evolve(stage, writers=(7, 8, 9), writers_given=10)
    stages = tuple(numbered if each is stage else each for each in previous.stages)
    previous = attrs.evolve(previous, stages=stages)
    change = changed(record("alpha", *TRIO), "alpha")
    heirs = tuple(Heir(name, NO_SEAT, "alpha") for name in ("beta", "gamma"))
    change = attrs.evolve(change, heirs=heirs)
    found = {name: {"sinks": [[sink, 1, []]]} for name in TRIO}
    found["gamma"] = {"sinks": [[sink, 3, ["g"]]]}
    takeover = Takeover(application, previous, change.topology, "alpha")
    left = LeftSink("gamma", 9, 1, SinkPart(sink, 3, ("g",)))
    assert list(left_sinks(change, takeover, found)) == [left]
    found["alpha"]["left"] = [["delta", 4, 1, [sink, 5, ["d"]]]]
    before = LeftSink("delta", 4, 1, SinkPart(sink, 5, ("d",)))
    assert list(left_sinks(change, takeover, found)) == [before, left], "not published yet"
    found["gamma"]["left"] = [["epsilon", 5, 1, [sink, 6, ["e"]]]]
    theirs = LeftSink("epsilon", 5, 1, SinkPart(sink, 6, ("e",)))
    assert list(left_sinks(change, takeover, found)) == [before, theirs, left]
    other = Takeover(application, previous, change.topology, "beta")
    assert list(left_sinks(change, other, {})) == []
    assert lost_output(application, previous, ["gamma"]) == ()


@pytest.fixture(name="left")
def what_gamma_has_left() -> Restored:
    return Restored(BASIS, left=(LeftSink("gamma", 2, 1, SinkPart("sink", {"at": 3}, ("x", "y"))),))


async def all_copied() -> None:
    """What is copied of an heir's directory."""


async def published(lone: Lone, restored: Restored) -> None:
    with patiently(20):
        await publish_left(lone.worker, restored, 4, all_copied=all_copied)


def sink_of(application: Application) -> str:
    return next(step.name for step in application.steps if step.kind.value == "sink")


async def test_it_is_published_in_order_however_long_the_server_is_away(
    tmp_path: Path, left: Restored
) -> None:
    sink = Kept()
    async with lone_worker(tmp_path, writing(sink)) as lone:
        await lone.running()
        (step,) = [s.name for s in lone.worker.application.steps if s.kind.value == "sink"]
        (one,) = left.left
        restored = attrs.evolve(
            left, left=(attrs.evolve(one, part=attrs.evolve(one.part, step=step)),)
        )
        sink.refusals = 1
        await published(lone, restored)
        ((context, state),) = [each for each in sink.opened if each[0].worker == "gamma"]
        assert (context.worker, context.instance, context.step) == ("gamma", 2, step)
        assert (context.line, state) == (4, {"at": 3})
        assert context.all_copied is all_copied
        where = lone.worker.store.cluster_path / "heirs" / "1-gamma" / "sinks" / f"{step}-2"
        assert context.directory == str(where)
        assert sink.published == ["x", "y"]
        assert lone.worker.change.moving == ""


async def test_what_is_gone_is_lost_only_where_the_operator_has_said_so(
    tmp_path: Path, left: Restored
) -> None:
    (one,) = left.left
    for kind in (Kept, Local):
        sink = kind()
        application = writing(sink)
        step = sink_of(application)
        restored = attrs.evolve(
            left, left=(attrs.evolve(one, part=attrs.evolve(one.part, step=step)),)
        )
        async with lone_worker(tmp_path / kind.__name__, application) as lone:
            await lone.running()
            sink.damaged = True
            assert lost_output(application, plan(application, TRIO, ()), TRIO) == (
                (step,) if kind is Local else ()
            )
            if kind is Local:
                await published(lone, restored)
                continue
            with pytest.raises(DamagedStateError, match="it is gone"):
                await published(lone, restored)


async def test_once_nothing_is_left_the_copies_go(tmp_path: Path) -> None:
    async with lone_worker(tmp_path, writing(Kept())) as lone:
        await lone.running()
        files = InheritedFiles(lone.worker.store.cluster_path)
        (files.of("gamma", 3) / "sinks").mkdir(parents=True)
        await published(lone, Restored(BASIS))
        assert not files.of("gamma", 3).exists()


async def test_copies_for_workers_that_have_another_holder_go_once_a_later_checkpoint_is_there(
    tmp_path: Path,
) -> None:
    async with lone_worker(tmp_path, writing(Kept())) as lone:
        await lone.running()
        node = lone.worker.node
        assert node.record is not None
        change = attrs.evolve(changed(node.record, "alpha"), basis=BASIS)
        node.record = attrs.evolve(node.record, change=change)
        copies = lone.worker.store.cluster_path / "replicas"
        for name in ("alpha", "gamma"):
            (copies / name / "sources").mkdir(parents=True)
        await forget_copies(lone.worker, BASIS)
        assert {each.name for each in copies.iterdir()} == {"alpha", "gamma"}
        await forget_copies(lone.worker, CheckpointId(2, 6))
        assert {each.name for each in copies.iterdir()} == {"alpha"}
