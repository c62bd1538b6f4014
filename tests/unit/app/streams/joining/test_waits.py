"""Streams that wait for each other's tables."""

from typing import Any

import pytest

import wallarood as w
from wallarood.model.errors import PipelineError


def keyed(name: str, source: Any = None) -> Any:
    return w.source(name, source or w.ListSource(["a"]), time=w.ingest_time()).key_by(str)


def enriched(stream: Any, table: Any, name: str, **options: Any) -> Any:
    return stream.enrich(w.table(table, ttl="1h"), name=name, **options).to_sink(
        w.ListSink([]), name=f"out-{name}"
    )


def test_streams_that_wait_for_each_other_are_refused() -> None:
    a, b = keyed("a"), keyed("b")
    with pytest.raises(
        PipelineError, match=r"test_waits.py:\d+: enrich: .* from source 'b', waits"
    ):
        w.application("test", enriched(a, b, "one"), enriched(b, a, "two"))


def test_streams_that_wait_in_a_ring_are_refused() -> None:
    a, b, c = keyed("a"), keyed("b"), keyed("c")
    ends = [enriched(a, b, "one"), enriched(b, c, "two"), enriched(c.merge(keyed("d")), a, "three")]
    with pytest.raises(PipelineError, match="from source 'c', waits"):
        w.application("test", *ends)


def test_tables_that_are_joined_with_tables_are_not_refused() -> None:
    a, b, c = keyed("a"), keyed("b"), keyed("c")
    w.application("test", enriched(a, b, "one"), enriched(b, c, "two"), enriched(a, c, "three"))


def test_what_does_not_wait_is_not_refused() -> None:
    a, b = keyed("a"), keyed("b")
    w.application("test", enriched(a, b, "one"), enriched(b, a, "two", as_of="event"))
    c, d = keyed("c"), keyed("d", w.GeneratorSource())
    w.application("test", enriched(c, d, "one"), enriched(d, c, "two"))
