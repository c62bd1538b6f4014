"""Markers and writers' names: what a server knows of a sink."""

from wallarood.app.connector import SinkContext
from wallarood.connectors.spool.target import Marker, writer_name


def test_a_later_line_is_above_every_number_of_an_older_one() -> None:
    markers = [Marker(1, 1), Marker(0, 900), Marker(), Marker(1, 0), Marker(0, 1)]
    assert sorted(markers) == [Marker(), Marker(0, 1), Marker(0, 900), Marker(1, 0), Marker(1, 1)]
    assert [str(each) for each in (Marker(0, 1200), Marker(2, 3))] == ["1,200", "3 of line 2"]


def test_writers_of_different_instances_have_different_names() -> None:
    names = {
        writer_name(SinkContext("app", cluster, worker, step, instance))
        for cluster in ("wc-11111111", "wc-22222222")
        for worker, step in (("b-c", "a"), ("c", "a-b"))
        for instance in (0, 1)
    }
    assert len(names) == 8
    assert "app-a@b-c-0-11111111" in names
