"""Which steps wait for a table to be read."""

from typing import Any

import wallarood as w
from wallarood.planning.tables import sources_of, waits_for_table


def keyed(name: str, source: Any = None) -> Any:
    return w.source(name, source or w.ListSource(["a"]), time=w.ingest_time()).key_by(str)


def waits(table: Any, **options: Any) -> bool:
    named = keyed("stream").enrich(w.table(table, ttl="1h"), **options)
    app = w.application("test", named.to_sink(w.ListSink([])))
    return waits_for_table(app, app.step("enrich"))


def test_a_table_that_has_an_end_is_waited_for() -> None:
    assert waits(keyed("table"))
    assert not waits(keyed("table", w.GeneratorSource()))
    assert not waits(keyed("table").merge(keyed("more", w.GeneratorSource())))


def test_a_table_as_it_was_is_waited_for_by_time() -> None:
    assert not waits(keyed("table"), as_of="event")


def test_no_other_step_waits() -> None:
    pairs = keyed("a").join(keyed("b"), within=("0s", "1s"))
    app = w.application("test", pairs.to_sink(w.ListSink([])))
    assert not any(waits_for_table(app, step) for step in app.steps)
    assert {step.name for step in sources_of(app, "join")} == {"a", "b"}
