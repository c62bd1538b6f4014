"""What records need where they leave a stage."""

from pathlib import Path

import wallarood as w
from wallarood.model.pipeline import Application
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan
from wallarood.runtime.dataflow.build.crossing import codecs_of, copiers_of, guards_of
from wallarood.wire.records.untyped import PickleRule

WORKERS = ("alpha", "beta")


def word_count() -> Application:
    @w.computation
    def split(line: str) -> str:
        return line

    @w.state_computation(state=dict)
    def count(word: str, state: dict[str, int]) -> str:
        return word

    words = w.source("lines", w.ListSource(["a"])).to(split)
    counted = words.key_by(str).to(count).to_sink(w.StdoutSink())
    return w.application("words", counted, words.to_sink(w.StdoutSink()))


def test_only_edges_that_may_cross_have_codecs_and_only_their_outputs_guards() -> None:
    application = word_count()
    listings = tuple((name, list_partitions(application)) for name in WORKERS)
    topology = plan(application, WORKERS, listings)
    codecs = codecs_of(application, topology, rule=PickleRule.ALLOWED)
    guarded = 0
    for stage in topology.stages:
        edges = [each for each in topology.edges if each.source == stage.index]
        crossing = {each.output for each in edges if each.index in codecs}
        guards = guards_of(application, stage, codecs=codecs, edges=edges)
        assert set(guards) == crossing
        guarded += len(guards)
    assert guarded == 1


def test_a_stream_that_is_used_twice_is_copied_unless_by_sinks_alone() -> None:
    application = word_count()
    listings = (("alpha", list_partitions(application)),)
    topology = plan(application, ("alpha",), listings)
    copied = [bool(copiers_of(application, topology, stage)) for stage in topology.stages]
    assert any(copied)
    assert not copied[-1]


def sure_of(stream: w.Stream[dict], rule: PickleRule) -> list[bool]:
    """Whether the guards behind *stream* take for granted that its records can be sent."""
    keyed = stream.key_by(str)
    kept = keyed.to(w.state_computation(state=dict, name="keep")(lambda record, _: record))
    application = w.application("orders", kept.to_sink(w.ListSink([])))
    topology = plan(application, ("alpha",), (("alpha", list_partitions(application)),))
    codecs = codecs_of(application, topology, rule=rule)
    return [
        guard.sure
        for stage in topology.stages
        for guard in guards_of(
            application,
            stage,
            codecs=codecs,
            edges=[each for each in topology.edges if each.source == stage.index],
        ).values()
    ]


def test_what_a_source_of_json_makes_is_sure_until_user_code_makes_another(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("{}\n")

    def orders() -> w.Stream[dict]:
        return w.source("in", w.FileSource(tmp_path / "in", format="json", record=dict))

    assert sure_of(orders(), PickleRule.ALLOWED) == [True]
    assert sure_of(orders().filter(bool), PickleRule.ALLOWED) == [True]
    assert sure_of(orders().map(dict, name="copy"), PickleRule.ALLOWED) == [False]
