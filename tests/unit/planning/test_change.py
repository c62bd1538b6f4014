"""From one topology to the next: as much stays as can, and nothing is owned twice."""

import os
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wallarood as w
from wallarood.app.connector import Scope
from wallarood.model.errors import RefusedError
from wallarood.model.topology import StageKind, Topology
from wallarood.planning.change import leavers_of, left_behind, moves, replan
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")

groups = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True).map(tuple)


class Total:
    count = 0


@w.state_computation(state=Total)
def per_key(record: Any, total: Total) -> Any:
    return record


@w.state_computation(state=Total)
def for_all(record: Any, total: Total) -> Any:
    return record


@attrs.frozen
class Listed(w.ListSource):
    """A source with several partitions."""

    names: tuple[str, ...] = ()
    scope: Scope = Scope.SHARED
    journalled: bool = False

    def partitions(self) -> tuple[str, ...]:
        return self.names

    def stays(self, partition: str) -> bool:
        return self.journalled and partition in self.names


def application(**options: Any) -> w.Application:
    names = tuple(f"p{number}" for number in range(7))
    source = Listed([], names=names, **options)
    keyed = w.source("lines", source).key_by(lambda each: each).to(per_key)
    return w.application("a", keyed.collect().to(for_all).to_sink(w.ListSink([])))


def formed(app: w.Application, workers: tuple[str, ...]) -> Topology:
    mine = list_partitions(app)
    return plan(app, workers, tuple((each, mine) for each in workers))


def stage_of(topology: Topology, kind: StageKind) -> Any:
    return next(each for each in topology.stages if each.kind is kind)


def ordered(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """Those that stay first, in their order."""
    stay = tuple(each for each in before if each in after)
    return (*stay, *(each for each in after if each not in before))


@given(st.lists(groups, min_size=2, max_size=6))
def test_however_the_members_change_all_is_owned_once_and_little_moves(
    lives: list[tuple[str, ...]],
) -> None:
    app = application()
    topology = formed(app, lives[0])
    for epoch, members in enumerate(lives[1:], start=2):
        before = topology
        topology = replan(app, before, ordered(before.workers, members), epoch=epoch)
        assert topology.epoch == epoch
        assert set(topology.workers) == set(members)
        keyed, was = (stage_of(each, StageKind.PARTITIONED) for each in (topology, before))
        counts = [keyed.owners.count(each) for each in topology.workers]
        assert max(counts) - min(counts) <= 1
        moved = sum(a != b for a, b in zip(keyed.owners, was.owners, strict=True))
        assert moved == sum(len(each.slots) for each in moves(before, topology))
        if set(members) == set(before.workers):
            assert moved == 0
        reading, read = (stage_of(each, StageKind.SOURCE) for each in (topology, before))
        names = [each.partition for each in reading.source_partitions]
        assert names == [each.partition for each in read.source_partitions]
        assert {each.worker for each in reading.source_partitions} <= set(members)
        single, one = (stage_of(each, StageKind.STATEFUL) for each in (topology, before))
        if one.workers[0] in members:
            assert single.workers == one.workers


@given(st.lists(groups, min_size=2, max_size=6))
def test_no_writer_of_a_sink_ever_gets_the_number_of_another(lives: list[tuple[str, ...]]) -> None:
    app = w.application(
        "a",
        w.source("lines", Listed([], names=NAMES))
        .key_by(lambda each: each)
        .to(per_key)
        .to_sink(w.ListSink([])),
    )
    topology = formed(app, lives[0])
    alive = {each: stage_of(topology, StageKind.SINK).writer_of(each) for each in lives[0]}
    given_out = set(alive.values())
    assert alive == {each: place for place, each in enumerate(lives[0])}, "as ever in epoch 1"
    for epoch, members in enumerate(lives[1:], start=2):
        topology = replan(app, topology, ordered(topology.workers, members), epoch=epoch)
        sink = stage_of(topology, StageKind.SINK)
        now = {each: sink.writer_of(each) for each in sink.workers}
        for worker, number in now.items():
            if worker in alive:
                assert number == alive[worker]
            else:
                assert number not in given_out
                given_out.add(number)
        alive = now


def test_a_third_worker_gets_a_third_of_the_slots_and_no_other_slot_moves() -> None:
    app = application()
    before = formed(app, NAMES[:2])
    after = replan(app, before, NAMES[:3], epoch=2)
    keyed = stage_of(after, StageKind.PARTITIONED)
    moved = [each for each in moves(before, after) if each.slots]
    assert {each.target for each in moved} == {"gamma"}
    assert sum(len(each.slots) for each in moved) == keyed.owners.count("gamma") == 85


def test_what_a_leaver_had_alone_goes_to_one_that_stays() -> None:
    app = application()
    before = formed(app, NAMES[:3])
    single = stage_of(before, StageKind.STATEFUL)
    (leaver,) = single.workers
    stay = tuple(each for each in NAMES[:3] if each != leaver)
    after = replan(app, before, stay, epoch=2)
    (heir,) = stage_of(after, StageKind.STATEFUL).workers
    assert heir in stay
    assert any((each.stage, each.source) == (single.index, leaver) for each in moves(before, after))
    assert leavers_of(before, after) == (leaver,)


def test_a_worker_with_a_journal_cannot_leave_and_its_partitions_stay_in_place() -> None:
    app = application(journalled=True)
    before = formed(app, NAMES[:2])
    with pytest.raises(RefusedError, match="beta cannot leave: source 'lines' reads p1 there"):
        replan(app, before, NAMES[:1], epoch=2)
    after = replan(app, before, NAMES[:3], epoch=2)
    reading, read = (stage_of(each, StageKind.SOURCE) for each in (after, before))
    assert reading.source_partitions == read.source_partitions


def test_partitions_of_one_worker_alone_are_named_when_it_leaves() -> None:
    app = application(scope=Scope.LOCAL)
    before = formed(app, NAMES[:2])
    after = replan(app, before, NAMES[:1], epoch=2)
    assert {each.worker for each in stage_of(after, StageKind.SOURCE).source_partitions} == {
        "alpha"
    }
    left = left_behind(app, before, after.workers)
    assert left == tuple(("beta", "lines", f"p{number}") for number in range(7))
    assert not [each for each in moves(before, after) if each.partitions]


@attrs.frozen
class Watched(w.ListSource):
    """A source whose partitions are found while it runs."""

    scope: Scope = Scope.LOCAL
    bounded: bool = False

    async def discover(self) -> tuple[str, ...]:
        return ("p0",)


def test_who_alone_finds_what_is_read_there_cannot_leave() -> None:
    def of(source: w.ListSource) -> w.Application:
        return w.application("a", w.source("lines", source).to_sink(w.ListSink([])))

    app = of(Watched([]))
    previous = formed(app, NAMES[:2])
    with pytest.raises(RefusedError, match="beta cannot leave: source 'lines' finds what it reads"):
        replan(app, previous, NAMES[:1], epoch=2)
    assert replan(app, previous, NAMES[:3], epoch=2).workers == NAMES[:3]
    shared = of(Watched([], scope=Scope.SHARED))
    assert replan(shared, formed(shared, NAMES[:2]), NAMES[:1], epoch=2).workers == NAMES[:1]


def test_a_cluster_needs_a_worker() -> None:
    app = application()
    with pytest.raises(RefusedError, match="at least one worker"):
        replan(app, formed(app, NAMES[:2]), (), epoch=2)


def test_what_has_a_journal_stays_with_its_worker_and_a_file_does_not(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("a\n")
    files = w.FileSource(str(tmp_path / "*"))
    assert files.stays(str(tmp_path / "pipe"))
    assert not files.stays(str(tmp_path / "file"))
    for source in (
        w.TcpSource("127.0.0.1:1"),
        w.LineTcpSource("127.0.0.1:1"),
        w.HttpSource("127.0.0.1:1"),
        w.SseSource("http://127.0.0.1:1/"),
        w.WebSocketSource("ws://127.0.0.1:1/"),
        w.MqttSource("mqtt://127.0.0.1:1", "topic", client_id="here"),
        w.StdinSource(),
    ):
        assert all(map(source.stays, source.partitions())), source
