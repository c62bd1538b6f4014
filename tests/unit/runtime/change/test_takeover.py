"""Who takes over what: of every slot, position and state exactly one worker has it afterwards."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wallarood as w
from wallarood.app.connector import Scope
from wallarood.model.errors import RefusedError
from wallarood.model.topology import Topology
from wallarood.planning.change import replan
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.planning.upgrade import successors, taken_over, upgraded
from wallarood.runtime.change.takeover import How, Position, Takeover
from wallarood.runtime.dataflow.tasks.source_task import LISTING

NAMES = ("alpha", "beta", "gamma")
FILES = tuple(f"f{number}" for number in range(5))

groups = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(tuple)


@attrs.frozen
class Listed(w.ListSource):
    names: tuple[str, ...] = ()
    scope: Scope = Scope.SHARED

    def partitions(self) -> tuple[str, ...]:
        return self.names


@attrs.frozen
class Watched(w.ListSource):
    """A source whose partitions are found while it runs."""

    bounded: bool = False

    async def discover(self) -> tuple[str, ...]:
        return FILES


class Total:
    count = 0


@w.state_computation(state=Total)
def by_key(record: Any, total: Total) -> Any:
    return record


@w.state_computation(state=Total)
def of_all(record: Any, total: Total) -> Any:
    return record


def application(source: w.ListSource) -> w.Application:
    stamped = w.source("lines", source, time=w.event_time(lambda _: 0, unit="s"))
    counts = stamped.key_by(str).to(by_key)
    return w.application("a", counts.collect().to(of_all).to_sink(w.ListSink([])))


def formed(app: w.Application, workers: tuple[str, ...]) -> Topology:
    mine = list_partitions(app)
    return plan(app, workers, tuple((each, mine) for each in workers))


def takeovers(
    app: w.Application, before: tuple[str, ...], after: tuple[str, ...]
) -> list[Takeover]:
    previous = formed(app, before)
    stay = tuple(each for each in before if each in after)
    workers = (*stay, *(each for each in after if each not in before))
    topology = replan(app, previous, workers, epoch=2)
    return [Takeover(app, previous, topology, each) for each in workers]


@given(groups, groups)
def test_each_slot_comes_from_the_worker_that_had_it(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    all_of_them: list[int] = []
    for takeover in takeovers(application(Listed([], names=FILES)), before, after):
        (part,) = [each for each in takeover.parts() if each.how is How.BY_SLOT]
        gained = [slot for slots in part.gained.values() for slot in slots]
        assert sorted([*gained, *(part.had & part.owned)]) == sorted(part.owned)
        for owner, slots in part.gained.items():
            assert (part.name, slots) in takeover.wanted_of(owner)
        all_of_them += part.owned
    assert sorted(all_of_them) == list(range(256))


@given(groups, groups)
def test_a_single_state_is_brought_once_or_stays(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    found = [
        (takeover.worker, part)
        for takeover in takeovers(application(Listed([], names=FILES)), before, after)
        for part in takeover.parts()
        if part.how is How.WHOLE and part.name == "of_all"
    ]
    ((_, part),) = found
    assert part.had_here == (not part.sources)
    assert set(part.sources) <= set(before)


def at(names: tuple[str, ...], source: str = "lines") -> list[Position]:
    return [(source, name, {"at": name}, False) for name in names]


@given(groups, groups)
def test_each_partition_is_read_on_by_one_worker_from_where_it_stood(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    everybody = takeovers(application(Listed([], names=FILES)), before, after)
    readers = everybody[0].previous.stages[0].source_partitions
    had = {
        worker: at(tuple(each.partition for each in readers if each.worker == worker))
        for worker in before
    }
    found = [position for each in everybody for position in each.reading.positions(had)]
    assert sorted(found, key=str) == sorted(at(FILES), key=str)


@given(groups, groups)
def test_of_a_watched_source_each_known_partition_is_read_on_once(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    had = {worker: at(FILES[place :: len(before)]) for place, worker in enumerate(before)}
    had[before[0]] = [*had[before[0]], ("lines", LISTING, None, False)]
    found: list[Position] = []
    for each in takeovers(application(Watched([])), before, after):
        mine = each.reading.positions(had)
        assert ("lines", LISTING, None, False) in mine
        found += [position for position in mine if position[1] != LISTING]
    assert sorted(found, key=str) == sorted(at(FILES), key=str)


def test_local_partitions_stay_and_a_worker_that_has_not_read_them_cannot_leave() -> None:
    app = application(Listed([], names=FILES, scope=Scope.LOCAL))
    (alpha,) = takeovers(app, NAMES[:2], NAMES[:1])
    had = {"alpha": at(FILES), "beta": at(FILES)}
    assert alpha.reading.positions(had) == at(FILES)
    with pytest.raises(RefusedError, match="beta cannot leave yet: source 'lines' has not read f0"):
        alpha.check_leavers(had)
    had["beta"] = [(source, name, position, True) for source, name, position, _ in at(FILES)]
    alpha.check_leavers(had)


def test_watermarks_of_all_instances_meet() -> None:
    for takeover in takeovers(application(Listed([], names=FILES)), NAMES[:2], NAMES):
        met = [part for part in takeover.parts() if part.how is How.MET]
        assert met
        for part in met:
            others = [each for each in NAMES[:2] if each != takeover.worker]
            assert list(part.sources) == others


def test_what_comes_is_said_in_words() -> None:
    *_, gamma = takeovers(application(Listed([], names=FILES)), NAMES[:2], NAMES)
    assert gamma.moving == "moving 85 of 256 slots to gamma"


def test_the_writer_of_a_sink_goes_on_where_it_was() -> None:
    everybody = takeovers(
        w.application(
            "a", w.source("in", Listed([], names=FILES)).to_sink(w.ListSink([]), name="o")
        ),
        NAMES[:1],
        NAMES[:2],
    )
    assert [each.keeps_sink("o") for each in everybody] == [True, False]


def spread(*, over_all: bool) -> w.Application:
    """A sink that has a writer on every worker, or only where the one partition is read."""
    stream = w.source("in", Listed([], names=FILES[:1]))
    stream = stream.redistribute() if over_all else stream.map(str)
    return w.application("a", stream.to_sink(w.ListSink([]), name="o"))


def test_a_writer_that_a_new_version_has_not_must_have_published_all() -> None:
    alpha, beta = upgrades(spread(over_all=True), spread(over_all=False), NAMES[:2])
    assert [alpha.keeps_sink("o"), beta.keeps_sink("o")] == [True, False]
    alpha.check_sinks([("o", 1, ["part"])])
    beta.check_sinks([("o", 1, [])])
    with pytest.raises(RefusedError, match="sink 'o' has prepared output on beta"):
        beta.check_sinks([("o", 1, ["part"])])


def newer(source: w.ListSource) -> w.Application:
    """The application with other names, and with a step that is new."""
    stamped = w.source("texts", source, time=w.event_time(lambda _: 0, unit="s"))
    keyed = stamped.key_by(str)
    counts = keyed.to(w.state_computation(state=Total, name="each")(lambda one, _: one))
    new = keyed.aggregate(w.count(), name="new").to_sink(w.ListSink([]), name="new-out")
    sink = counts.collect().to(of_all).to_sink(w.ListSink([]))
    return w.application("a", sink, new, was={"texts": "lines", "each": "by_key"})


def upgrades(old: w.Application, new: w.Application, workers: tuple[str, ...]) -> list[Takeover]:
    previous = formed(old, workers)
    former = taken_over(successors(old.fingerprint, new))
    topology = upgraded(new, previous, (), former=former, epoch=2)
    return [Takeover(new, previous, topology, each, former) for each in workers]


@given(groups)
def test_a_new_version_finds_all_where_it_is_under_its_former_name(
    workers: tuple[str, ...],
) -> None:
    source = Listed([], names=FILES)
    for takeover in upgrades(application(source), newer(source), workers):
        parts = {part.name: part for part in takeover.parts()}
        assert parts["each"].was == "by_key"
        assert parts["each"].had == parts["each"].owned
        assert (parts["new"].was, parts["new"].had_here) == ("", False)
        assert all(not part.gained and not part.sources for part in parts.values())
        if "texts-time" in parts:
            assert parts["texts-time"].was == "lines-time"
        for name, part in parts.items():
            if name.startswith("@") and part.had_here:
                assert part.was in ("@lines-time", "@by_key", "@of_all")


@given(groups)
def test_a_renamed_source_is_read_on_by_its_former_readers(workers: tuple[str, ...]) -> None:
    source = Listed([], names=FILES)
    everybody = upgrades(application(source), newer(source), workers)
    readers = everybody[0].previous.stages[0].source_partitions
    had = {
        worker: at(tuple(each.partition for each in readers if each.worker == worker))
        for worker in workers
    }
    for each in everybody:
        assert each.reading.positions(had) == [("texts", *one[1:]) for one in had[each.worker]]


@given(groups)
def test_a_renamed_source_that_is_watched_is_read_on_once(workers: tuple[str, ...]) -> None:
    had = {worker: at(FILES[place :: len(workers)]) for place, worker in enumerate(workers)}
    found: list[Position] = []
    for each in upgrades(application(Watched([])), newer(Watched([])), workers):
        found += each.reading.positions(had)
    assert sorted(found, key=str) == sorted(at(FILES, "texts"), key=str)


def test_the_time_of_a_renamed_source_that_is_watched_goes_where_its_partitions_are_read() -> None:
    for takeover in upgrades(application(Watched([])), newer(Watched([])), NAMES):
        met = {part.name: part for part in takeover.parts() if part.how is How.MET}
        assert {name: part.was for name, part in met.items()} == {
            "texts-time": "lines-time",
            "@texts-time": "@lines-time",
        }
        for other in takeover.others:
            assert {name for name, _ in takeover.wanted_of(other)} == {"lines-time", "@lines-time"}
    for takeover in upgrades(application(Watched([])), application(Watched([])), NAMES):
        assert not [part for part in takeover.parts() if part.how is How.MET]


def test_state_that_would_have_to_move_is_refused() -> None:
    source = Listed([], names=FILES)
    old, new = application(source), newer(source)
    workers = ("alpha", "beta")
    previous = formed(old, workers)
    former = taken_over(successors(old.fingerprint, new))
    topology = plan(new, workers, tuple((each, list_partitions(new)) for each in workers), epoch=2)
    stages = tuple(
        attrs.evolve(each, partition_owners=tuple(1 - place for place in each.partition_owners))
        for each in topology.stages
    )
    moved = attrs.evolve(topology, stages=stages)
    with pytest.raises(RefusedError, match="'each' would have to move between workers"):
        list(Takeover(new, previous, moved, "alpha", former).parts())


def test_what_moves_is_said_in_words_and_nothing_where_nothing_does() -> None:
    app = application(Listed([], names=FILES))
    alpha, beta, gamma = takeovers(app, NAMES[:2], NAMES)
    assert (alpha.moving, beta.moving) == ("", "")
    assert gamma.moving.startswith("moving 85 of 256 slots to gamma")
    single = next(each.workers[0] for each in formed(app, NAMES).stages if "of_all" in each.steps)
    stay = tuple(each for each in NAMES if each != single)
    said = [each.moving for each in takeovers(app, NAMES, stay)]
    assert all("of 256 slots" in each for each in said)
    assert [each for each in said if "the state of 'of_all'" in each], "its worker leaves"
