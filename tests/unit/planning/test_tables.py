"""Which steps wait for a table to be read."""

from typing import Any

import wallarood as w
from wallarood.planning.tables import (
    loaded_first,
    sources_of,
    waits_for_rows,
    waits_for_table,
)


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


def test_of_an_endless_table_what_there_is_is_waited_for() -> None:
    def first(table: Any, stream: Any = None, **options: Any) -> set[str]:
        enriched = (stream or keyed("stream")).enrich(w.table(table, ttl="1h"), **options)
        app = w.application("test", enriched.to_sink(w.ListSink([])))
        assert waits_for_rows(app, app.step("enrich")) == (
            bool(loaded_first(app)) or waits_for_table(app, app.step("enrich"))
        )
        return loaded_first(app)

    endless = w.GeneratorSource()
    assert first(keyed("table", endless)) == {"table"}
    assert first(keyed("table").merge(keyed("more", endless))) == {"more"}
    assert first(keyed("table")) == set()
    assert first(keyed("table", endless), as_of="event") == set()


def test_what_a_waiting_stream_is_read_from_cannot_be_waited_for() -> None:
    one, two = keyed("one", w.GeneratorSource()), keyed("two", w.GeneratorSource())
    first = one.enrich(w.table(two, ttl="1h"), name="first").to_sink(w.ListSink([]), name="a")
    second = two.enrich(w.table(one, ttl="1h"), name="second").to_sink(w.ListSink([]), name="b")
    app = w.application("test", first, second)
    assert loaded_first(app) == set()
    assert not any(waits_for_rows(app, step) for step in app.steps)


def test_a_table_with_a_bounded_source_that_waits_itself_is_not_waited_for() -> None:
    file, live, orders = keyed("file"), keyed("live", w.GeneratorSource()), keyed("orders")
    mixed = w.table(file.merge(live), ttl="1h")
    one = orders.enrich(mixed, name="one").to_sink(w.ListSink([]), name="a")
    two = file.enrich(w.table(orders, ttl="1h"), name="two").to_sink(w.ListSink([]), name="b")
    app = w.application("test", one, two)
    assert [step.name for step in app.steps if waits_for_rows(app, step)] == ["two"]
