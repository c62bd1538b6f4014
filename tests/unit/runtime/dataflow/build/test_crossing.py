"""What records need where they leave a stage."""

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
