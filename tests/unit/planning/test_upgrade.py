"""What a new version takes over goes by names, and what does not fit is said with a way out."""

from collections.abc import Mapping
from typing import Any

import pytest

import wallarood as w
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Listing
from wallarood.model.pipeline import Application, StepKind
from wallarood.planning.change import replan
from wallarood.planning.plan import plan
from wallarood.planning.upgrade import (
    WRITERS,
    Fate,
    Successor,
    successors,
    taken_over,
    upgraded,
)


class Seen:
    """A state."""

    count = 0


def counted(record: Any, seen: Seen) -> int:
    """A computation."""
    seen.count += 1
    return seen.count


def version(
    *names: str,
    source: str = "words",
    key: Any = str,
    was: Mapping[str, str] | None = None,
    **options: Any,
) -> Application:
    """A source, and a computation after it for each of *names*."""

    def of(record: Any) -> Any:
        return record

    of.__annotations__ = {"record": str, "return": key}
    stream = w.source(source, w.ListSource(["a"], record=str))
    ends = [
        stream.key_by(of, name=f"by-{name}")
        .to(w.state_computation(state=Seen, name=name, **options)(counted))
        .to_sink(w.ListSink([]), name=f"{name}-out")
        for name in names
    ]
    return w.application("app", *ends, was=was or {})


def compared(old: Application, new: Application, *drop: str) -> dict[str, Successor]:
    return {each.name: each for each in successors(old.fingerprint, new, drop=drop)}


def named(found: Mapping[str, Successor]) -> dict[str, str]:
    """What is taken over, but for the sinks and the times of sources."""
    over = taken_over(found.values())
    return {new: old for new, old in over.items() if not new.endswith(("-out", "-time"))}


def problems(found: Mapping[str, Successor]) -> dict[str, str]:
    return {each.name: each.problem for each in found.values() if each.problem}


def test_the_same_application_keeps_all() -> None:
    found = compared(version("a", "b"), version("a", "b"))
    assert {each.fate for each in found.values()} == {Fate.KEPT}
    assert named(found) == {"words": "words", "a": "a", "b": "b"}


def test_what_is_new_starts_empty_and_what_is_gone_must_be_dropped() -> None:
    old, new = version("a", "b"), version("a", "c")
    found = compared(old, new)
    assert (found["c"].fate, found["b"].fate) == (Fate.NEW, Fate.GONE)
    assert list(problems(found)) == ["b", "b-out"]
    assert "say --drop 'b' if its state may go" in found["b"].problem
    assert str(compared(old, new, "b")["b"]) == (
        "computation 'b': gone, what is kept of it is dropped"
    )
    assert not problems(compared(old, new, "b", "b-out"))


def test_a_renamed_step_takes_over_what_it_had_by_its_former_name() -> None:
    new = version("c", source="texts", was={"c": "a", "texts": "words"})
    found = compared(version("a"), new, "a-out")
    assert not problems(found)
    assert named(found) == {"texts": "words", "c": "a"}
    assert str(found["c"]) == "computation 'c': renamed, it was 'a'"


def test_two_steps_may_swap_their_names() -> None:
    found = compared(version("a", "b"), version("a", "b", was={"a": "b", "b": "a"}))
    assert named(found) == {"words": "words", "a": "b", "b": "a"}
    assert not problems(found)


def test_a_former_name_that_a_later_version_no_longer_finds_is_no_matter() -> None:
    new = version("c", was={"c": "a"})
    assert named(compared(new, new)) == {"words": "words", "c": "c"}


def test_a_new_step_by_the_former_name_of_another_starts_empty() -> None:
    found = compared(version("a"), version("a", "b", was={"b": "a", "a": "x"}))
    assert (found["a"].fate, found["b"].was) == (Fate.NEW, "a")


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (version("a", partitions=16), "it had 256 partitions and has 16 partitions now"),
        (version("a", key=int), "it had keyed by str and has keyed by int now"),
    ],
)
def test_what_stored_state_does_not_fit_is_refused(new: Application, words: str) -> None:
    old = version("a")
    assert words in problems(compared(old, new))["a"]
    assert not problems(compared(old, new, "a"))


def test_a_computation_that_collects_now_cannot_take_a_state_for_each_key() -> None:
    computation = w.state_computation(state=Seen, name="a")(counted)
    stream = w.source("words", w.ListSource(["a"], record=str)).collect().to(computation)
    new = w.application("app", stream.to_sink(w.ListSink([]), name="a-out"))
    found = compared(version("a"), new)
    assert found["a"].problem.startswith("it was a partitioned step and is a stateful step now")


def test_a_version_may_rise_and_not_fall() -> None:
    newer = version("a", version=2, migrate=lambda _stored, _version: Seen())
    assert not problems(compared(version("a"), newer))
    assert "its state is of version 2, and this is version 1" in str(
        compared(newer, version("a"))["a"]
    )


def test_another_source_cannot_go_on_from_positions() -> None:
    stream = w.source("words", w.GeneratorSource(count=1)).map(str)
    new = w.application("app", stream.to_sink(w.ListSink([]), name="a-out"))
    assert "it had ListSource and has GeneratorSource now" in str(
        compared(version("a"), new, "a")["words"]
    )


def test_an_upgrade_keeps_the_name_and_drops_only_what_is_there() -> None:
    new = version("a")
    found = compared(version("a"), w.application("other", *_ends()), "zebra")
    assert "the cluster runs application app, and this is application other" in str(found["other"])
    assert "nothing of that name is kept" in str(compared(version("a"), new, "zebra")["zebra"])


def _ends() -> list[w.End]:
    return [w.source("words", w.ListSource(["a"], record=str)).to_sink(w.ListSink([]))]


def test_the_time_of_a_source_goes_with_it_and_a_sink_by_its_name_alone() -> None:
    new = version("c", source="texts", was={"c": "a", "texts": "words", "c-out": "a-out"})
    over = taken_over(compared(version("a"), new).values())
    assert over["texts-time"] == "words-time"
    assert "c-out" not in over


def test_what_goes_on_stays_where_it_is() -> None:
    old, workers = version("a", "b"), ("alpha", "beta", "gamma")
    listings = tuple((worker, (Listing("words", ("only",)),)) for worker in workers)
    before = replan(
        old, plan(old, ("alpha", "beta"), listings[:2]), (WorkerName("beta"), "gamma"), epoch=2
    )
    new = version("c", "d", source="texts", was={"texts": "words", "d": "b", "c": "a"})
    former = taken_over(compared(old, new).values())
    after = upgraded(new, before, listings, former=former, epoch=3)
    assert (after.epoch, after.workers) == (3, before.workers)
    for stage in after.stages:
        [was] = [s for s in before.stages if s.steps[0] == former.get(stage.steps[0])] or [stage]
        assert stage.owners == was.owners
        assert stage.workers == was.workers
        assert stage.source_partitions == was.source_partitions


def test_a_sink_that_stays_keeps_the_numbers_of_its_writers_and_a_new_one_begins() -> None:
    old = version("a")
    listings = tuple((name, (Listing("words", ("only",)),)) for name in ("alpha", "beta"))
    before = replan(old, plan(old, ("alpha", "beta"), listings), (WorkerName("beta"),), epoch=2)
    after = upgraded(
        new := version("a", "b"),
        before,
        (),
        former=taken_over(compared(old, new).values()),
        epoch=3,
    )
    writers = {stage.steps[0]: stage for stage in after.stages if "out" in stage.steps[0]}
    [kept] = [stage for stage in before.stages if stage.steps[0] == "a-out"]
    assert writers["a-out"].writer_of(WorkerName("beta")) == kept.writer_of(WorkerName("beta")) == 1
    assert writers["b-out"].writer_of(WorkerName("beta")) >= WRITERS


def test_a_sink_whose_name_was_here_before_gets_writers_of_its_own() -> None:
    both, one = version("a", "b"), version("a")
    listings = tuple((name, (Listing("words", ("only",)),)) for name in ("alpha", "beta"))
    topology, given = plan(both, ("alpha", "beta"), listings), list[int]()
    for epoch, (old, new) in enumerate([(both, one), (one, both), (both, both)], start=2):
        former = taken_over(compared(old, new, "b", "b-out").values())
        topology = upgraded(new, topology, (), former=former, epoch=epoch)
        found = [stage for stage in topology.stages if stage.steps[0] == "b-out"]
        given += [number for stage in found for number in stage.writers]
    assert len(set(given)) == len(given) == 4
    assert min(given) > 1


def test_a_sink_that_goes_is_to_be_dropped_also_where_another_follows_it() -> None:
    old, new = version("a", "b"), version("a", "c", was={"c": "b", "c-out": "b-out"})
    for found in (compared(old, new), compared(old, version("a"), "b")):
        assert list(problems(found)) == ["b-out"]
        assert "cannot publish what this one has prepared: say --drop 'b-out'" in str(
            found["b-out"]
        )
    assert not problems(compared(old, new, "b-out"))


def test_a_sink_of_another_kind_cannot_publish_what_this_one_has_prepared() -> None:
    (stream,) = _ends()
    old = w.application("app", stream)
    words = w.source("words", w.ListSource(["a"], record=str))
    (name,) = [step.name for step in old.steps if step.kind is StepKind.SINK]
    new = w.application("app", words.to_sink(w.FileSink("out"), name=name))
    assert "it had ListSink and has FileSink now" in problems(compared(old, new))[name]
    assert not problems(compared(old, new, name))


def test_a_source_with_a_journal_keeps_its_name() -> None:
    def of(name: str, **options: Any) -> Application:
        source = w.source(name, w.TcpSource("127.0.0.1:0"))
        return w.application("app", source.to_sink(w.ListSink([]), name="out"), **options)

    found = compared(of("calls"), of("events", was={"events": "calls"}))
    assert "it was 'calls', and its journal is kept by that name" in problems(found)["events"]
    assert not problems(compared(of("calls"), of("calls")))
