"""A plan in words, as JSON and as a graph says what the topology says."""

import json
import re

import pytest

import wallarood as w
from wallarood.cli.plan import workers_of
from wallarood.model.errors import UsageError
from wallarood.model.topology import Topology
from wallarood.planning.explain import as_dot, as_json, as_text
from wallarood.planning.keeping import keeping
from wallarood.planning.listings import list_partitions
from wallarood.planning.plan import plan

WORKERS = ("alpha", "beta", "gamma")


class Total:
    count = 0


@w.state_computation(state=Total)
def count(word: str, total: Total) -> tuple[str, int]:
    total.count += 1
    return word, total.count


def split(line: str) -> list[str]:
    return line.split()


def topology() -> Topology:
    letters = w.dead_letter(w.ListSink([]))
    common, rare = (
        w.source("lines", w.ListSource([]))
        .flat_map(split, on_error=letters)
        .key_by(lambda word: word, name="by-word")
        .to(count)
        .branch(lambda row: row[1] > 9, name="often")
    )
    app = w.application(
        'the "words"',
        common.to_sink(w.ListSink([]), name="common"),
        rare.to_sink(w.ListSink([]), name="rare"),
    )
    mine = list_partitions(app)
    return plan(app, WORKERS, tuple((worker, mine) for worker in WORKERS))


def test_the_text_says_what_was_joined_what_ended_it_and_where_it_runs() -> None:
    text = as_text(topology())
    assert "on 3 workers: alpha, beta, gamma" in text
    assert "3 steps run as one: lines, split, by-word" in text
    assert "ends here: count keeps state per key: records change worker here" in text
    assert "ends here: often sends each record to one of two streams" in text
    assert "runs on:   alpha 86, beta 85, gamma 85 of 256 partitions" in text
    assert "runs on:   alpha (reads 1)" in text
    assert re.search(r"sends to:  stage \d, its records by key", text)
    assert re.search(r"sends to:  stage \d, its dead letters on the same worker", text)
    assert re.search(r"sends to:  stage \d, what the branch refuses on the same worker", text)


def test_the_json_has_every_stage_edge_and_partition() -> None:
    whole = topology()
    shown = json.loads(as_json(whole))
    assert shown["workers"] == list(WORKERS)
    assert [each["steps"] for each in shown["stages"]] == [list(s.steps) for s in whole.stages]
    assert [(e["source"], e["target"], e["output"], e["routing"]) for e in shown["edges"]] == [
        (e.source, e.target, e.output, e.routing.value) for e in whole.edges
    ]
    keyed = next(each for each in shown["stages"] if each["kind"] == "partitioned")
    assert keyed["partitions"] == {"alpha": 86, "beta": 85, "gamma": 85}


QUOTED = r'"(?:[^"\\]|\\.)*"'


def test_the_graph_has_a_node_a_stage_and_an_arrow_an_edge_with_names_quoted() -> None:
    whole = topology()
    first, _, *body, last = as_dot(whole).split("\n")
    assert re.fullmatch(rf"digraph {QUOTED} {{", first)
    assert last == "}"
    nodes = [line for line in body if "->" not in line]
    arrows = [line for line in body if re.match(r"  s\d+ -> ", line)]
    assert len(nodes) == len(whole.stages)
    assert len(arrows) == len(whole.edges)
    for line in nodes + arrows:
        assert re.fullmatch(rf"  s\d+( -> s\d+)? \[label={QUOTED}\];", line)


def test_late_records_and_their_dead_letters_have_ways_of_their_own() -> None:
    late_letters = w.dead_letter(w.ListSink([]), name="late-letters")
    time = w.event_time(lambda number: number, unit="s")
    by_key = w.source("in", w.ListSource([], record=int), time=time).key_by(lambda number: number)
    dead = by_key.window(w.tumbling("1min"), on_late=late_letters).aggregate(w.count())
    windows = by_key.window(w.tumbling("1min"))
    counts = windows.aggregate(w.count(), name="counts")
    app = w.application(
        "late",
        dead.to_sink(w.ListSink([])),
        counts.to_sink(w.ListSink([])),
        windows.late.to_sink(w.ListSink([])),
    )
    made = plan(app, ("alpha",), (("alpha", list_partitions(app)),))
    assert "dead letters of late records on the same worker" in as_text(made)
    assert "late records on the same worker" in as_text(made)
    assert "forward, late" in as_dot(made)


@pytest.mark.parametrize(
    ("text", "workers"),
    [("1", ("alpha",)), ("3", WORKERS), ("a,b,c", ("a", "b", "c")), ("x, y", ("x", "y"))],
)
def test_workers_are_given_by_number_or_by_name(text: str, workers: tuple[str, ...]) -> None:
    assert workers_of(text) == workers


@pytest.mark.parametrize("text", ["0", "1025", "", "a,a", "a,,b", "-1", "²", "a b"])
def test_other_lists_of_workers_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        workers_of(text)


def test_windows_say_what_they_keep_and_where_late_records_go() -> None:
    source = w.ListSource([("a", 1)], record=tuple[str, int])
    clicks = w.source("clicks", source, time=w.ingest_time()).key_by(lambda click: click[0])
    windows = clicks.window(w.tumbling("1min"), grace="10s")
    visits = clicks.window(w.session("30min"), on_late=w.dead_letter(w.ListSink([])))
    application = w.application(
        "windows",
        windows.aggregate(w.count(), name="counts").to_sink(w.ListSink([])),
        windows.late.to_sink(w.ListSink([])),
        visits.collect(name="visits").to_sink(w.ListSink([])),
        clicks.window(w.rolling("5s")).collect(name="last").to_sink(w.ListSink([])),
        clicks.window(w.count_window(3, ttl="1d")).collect(name="threes").to_sink(w.ListSink([])),
    )
    mine = list_partitions(application)
    planned = plan(application, WORKERS, tuple((worker, mine) for worker in WORKERS))

    text = as_text(planned, keeping(application))
    for line in (
        "counts: aggregate of each key and tumbling(1min), until its end and 10s of grace",
        "visits: collect of each key and open session(30min), until its end",
        "last: the records of each key in rolling(5s), until 5s after the last",
        "threes: collect of each key in count_window(3), for 1d after its last record",
        "late records on the same worker",
        "dead letters of late records on the same worker",
    ):
        assert line in text
    assert ", late" in as_dot(planned)
