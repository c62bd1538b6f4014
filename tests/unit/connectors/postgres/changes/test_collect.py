"""Records of what a slot sends: each change once, and none that a pass has seen."""

import pytest
from support.servers import pgoutput as said

from wallarood.connectors.postgres.change import PostgresChange
from wallarood.connectors.postgres.changes.collect import Collector, settled
from wallarood.connectors.postgres.changes.pgoutput import UNCHANGED
from wallarood.connectors.postgres.changes.place import Place, Snapshot
from wallarood.model.errors import ApplicationError

COLUMNS = (("id", 23), ("said", 25))


def collector(place: Place | None = None, *tables: str, **keys: tuple[str, ...]) -> Collector:
    place = Place("1", 1, 0) if place is None else place
    return Collector(place, frozenset(tables), {"public.t": ("id",), **keys}, "PostgreSQL at h")


def collected(into: Collector, *messages: bytes) -> list[PostgresChange]:
    for each in messages:
        into.take(each)
    found, into.records = into.records, []
    return found


def test_changes_are_records_with_the_place_and_time_of_their_commit() -> None:
    into = collector()
    found = collected(
        into,
        said.begin(100),
        said.relation(*COLUMNS),
        said.insert(b"1", None),
        said.update([b"1", b"a"]),
        said.update([b"2", b"a"], [b"1", None]),
        said.delete(b"2", None),
        said.truncate(said.TABLE),
        said.commit(110),
    )
    new = {"id": 1, "said": None}
    table = "public.t"
    assert found == [
        PostgresChange(table, "insert", (1,), new, lsn=100, time=5),
        PostgresChange(table, "update", (1,), {"id": 1, "said": "a"}, lsn=100, time=5),
        PostgresChange(table, "update", (2,), {"id": 2, "said": "a"}, {"id": 1}, lsn=100, time=5),
        PostgresChange(table, "delete", (2,), None, {"id": 2}, lsn=100, time=5),
        PostgresChange(table, "truncate", lsn=100, time=5),
    ]
    assert (into.place.lsn, into.place.skip, into.place.commit) == (110, 0, 0)


def test_what_was_not_sent_is_named_or_taken_from_the_row_before() -> None:
    (short,) = collected(
        collector(), said.begin(1), said.relation(*COLUMNS), said.update([b"1", UNCHANGED])
    )
    assert (short.values, short.unchanged) == ({"id": 1}, ("said",))
    (whole,) = collected(
        collector(),
        said.begin(1),
        said.relation(*COLUMNS, identity=b"f"),
        said.update([b"2", UNCHANGED], [b"1", b"a"], b"O"),
    )
    assert (whole.values, whole.unchanged, whole.key) == ({"id": 2, "said": "a"}, (), (2,))
    assert whole.old == {"id": 1, "said": "a"}


def test_the_rest_of_a_transaction_follows_its_position() -> None:
    messages = [said.begin(100), said.relation(*COLUMNS)]
    messages += [said.insert(b"%d" % number, None) for number in range(5)]
    into = collector()
    first = collected(into, *messages[:-2])
    assert (into.place.lsn, into.place.skip, into.place.commit) == (0, 3, 100)
    again = collector(Place.of(into.place.position))
    rest = collected(again, *messages, said.commit(101))
    assert [each.key[0] for each in first + rest] == [0, 1, 2, 3, 4]
    assert again.place.lsn == 101


def test_another_transaction_at_its_position_is_refused() -> None:
    place = Place("1", 1, 0, skip=3, commit=100)
    with pytest.raises(ApplicationError, match="is not the one of which 3 changes were read"):
        collected(collector(place), said.begin(200))
    with pytest.raises(ApplicationError, match="is not the one"):
        collected(collector(place), said.begin(100), said.commit(101))


def test_tables_that_are_not_wanted_count_but_are_no_records() -> None:
    into = collector(None, "public.other")
    messages = said.begin(1), said.relation(*COLUMNS), said.insert(b"1", None)
    assert collected(into, *messages) == []
    assert into.place.skip == 1


def test_other_columns_are_told_once_before_the_change_that_has_them() -> None:
    into = collector()
    wider = said.relation(*COLUMNS, ("more", 16))
    found = collected(
        into,
        said.begin(1),
        said.relation(*COLUMNS),
        said.insert(b"1", None),
        wider,
        said.insert(b"2", None, b"t"),
    )
    assert [each.operation for each in found] == ["insert", "schema", "insert"]
    assert found[1].values == {"id": "integer", "said": "text", "more": "boolean"}
    again = collector(Place.of(into.place.position))
    found = collected(
        again,
        said.begin(1),
        said.relation(*COLUMNS),
        said.insert(b"1", None),
        wider,
        said.insert(b"2", None, b"t"),
        said.insert(b"3", None, b"t"),
    )
    assert [each.operation for each in found] == ["insert"]


def read_in_two() -> Place:
    """The first pass has seen transactions below 5, and keys up to 10; the second those below 9."""
    place = Place("1", 1, 0, tables=("public.t",))
    place.begins(Snapshot("5:5:"), 100)
    place.has_read("public.t", ("10",))
    place.begins(Snapshot("9:9:"), 200)
    place.has_read("", ())
    return place


def test_what_all_passes_have_seen_is_dropped_and_what_none_has_is_not() -> None:
    for xid, count in ((4, 0), (9, 1)):
        into = collector(read_in_two())
        messages = said.begin(150, xid), said.relation(*COLUMNS), said.insert(b"1", None)
        assert len(collected(into, *messages)) == count
        assert into.doubtful == []


def test_what_some_have_seen_is_doubtful() -> None:
    into = collector(read_in_two())
    collected(
        into,
        said.begin(150, 7),
        said.relation(*COLUMNS),
        said.insert(b"1", None),
        said.update([b"1", b"a"]),
        said.update([b"11", b"a"], [b"1", None]),
        said.delete(b"11", None),
    )
    assert [(each.at, each.old, each.new) for each in into.doubtful] == [
        (0, None, ("1",)),
        (1, ("1",), ("1",)),
        (2, ("1",), ("11",)),
        (3, ("11",), None),
    ]


def test_passes_are_kept_as_long_as_a_change_is_doubtful() -> None:
    into = collector(read_in_two())
    collected(into, said.begin(150, 7), said.relation(*COLUMNS), said.insert(b"1", None))
    collected(into, said.commit(160), said.begin(300, 20))
    assert len(into.place.passes) == 2
    into.doubtful.clear()
    collected(into, said.commit(310), said.begin(320, 21))
    assert into.place.passes == ()


def test_a_truncate_that_some_have_seen_is_refused() -> None:
    with pytest.raises(ApplicationError, match="was truncated while its rows were read"):
        collected(
            collector(read_in_two()),
            said.begin(150, 7),
            said.relation(*COLUMNS),
            said.truncate(said.TABLE),
        )


def test_what_is_left_of_a_row_that_went_from_one_pass_to_another() -> None:
    moved = PostgresChange("t", "update", (11,), {"id": 11}, {"id": 1})
    gone = PostgresChange("t", "delete", (1,), None, {"id": 1})
    new = PostgresChange("t", "insert", (11,), {"id": 11})
    names = ("id",)
    assert settled(moved, (False, True), names) == gone
    assert settled(moved, (True, False), names) == new
    assert settled(moved, (True, True), names) is None
    assert settled(moved, (False, False), names) == moved
    assert settled(new, (False, True), names) is None
    assert settled(gone, (True, False), names) is None


def test_of_a_row_with_a_full_identity_that_went_only_the_key_is_left() -> None:
    old = {"id": 1, "said": "a", "city": "Graz"}
    moved = PostgresChange("t", "update", ("b", 1), {**old, "said": "b"}, old)
    gone = settled(moved, (False, True), ("said", "id"))
    assert gone == PostgresChange("t", "delete", ("a", 1), None, old)


def test_a_key_of_several_columns_is_in_its_own_order() -> None:
    """The slot tells it in the order of the table; rows are read in that of the key."""
    messages = (
        said.begin(150, 7),
        said.relation(*COLUMNS, ("more", 25), key=2),
        said.insert(b"1", b"north", None),
        said.update([b"2", b"south", None], [b"1", b"north", None]),
        said.delete(b"2", b"south", None),
    )
    into = collector(read_in_two())
    into.keys["public.t"] = ("said", "id")
    insert, update, delete = collected(into, *messages)
    assert [each.key for each in (insert, update, delete)] == [
        ("north", 1), ("south", 2), ("south", 2),
    ]  # fmt: skip
    assert list((update.old or {}).items()) == [("said", "north"), ("id", 1)]
    assert [(each.old, each.new, each.names) for each in into.doubtful] == [
        (None, ("north", "1"), ("said", "id")),
        (("north", "1"), ("south", "2"), ("said", "id")),
        (("south", "2"), None, ("said", "id")),
    ]


def test_a_key_of_several_columns_is_asked_for_where_it_is_not_known() -> None:
    for known in ((), ("id",), ("said", "more")):
        into = collector()
        into.keys["public.t"] = known
        relation = said.relation(*COLUMNS, ("more", 25), key=2)
        collected(into, said.begin(1), relation)
        assert into.missing == "public.t"
        # It has another key by now: then that of the slot counts, in the order that it tells.
        (insert,) = collected(into, said.insert(b"1", b"north", None))
        assert insert.key == (1, "north")


def test_the_key_of_a_table_with_a_full_identity_is_asked_for() -> None:
    into = collector()
    del into.keys["public.t"]
    collected(into, said.begin(1), said.relation(*COLUMNS, identity=b"f"))
    assert into.missing == "public.t"
