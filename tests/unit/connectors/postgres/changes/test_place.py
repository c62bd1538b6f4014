"""Where a source of changes stands: what passes have seen, and which of them read what."""

import json

import pytest

from wallarood.connectors.postgres.changes.place import Place, Snapshot, lsn_of, shown


@pytest.mark.parametrize(("text", "lsn"), [("0/0", 0), ("16/B374D848", 0x16B374D848)])
def test_a_place_in_the_log_has_a_text(text: str, lsn: int) -> None:
    assert lsn_of(text) == lsn
    assert shown(lsn) == text


@pytest.mark.parametrize("epoch", [0, 1 << 32, 5 << 32])
def test_a_snapshot_sees_what_had_ended(epoch: int) -> None:
    low, high = epoch + 100, epoch + 105
    snapshot = Snapshot(f"{low}:{high}:{low + 1},{low + 3}")
    seen = [number for number in range(98, 108) if snapshot.sees(number)]
    assert seen == [98, 99, 100, 102, 104]


def test_numbers_of_transactions_begin_again() -> None:
    snapshot = Snapshot(f"{(1 << 32) + 2}:{(1 << 32) + 5}:")
    assert snapshot.sees((1 << 32) - 1)
    assert snapshot.sees(4)
    assert not snapshot.sees(5)


def begun() -> Place:
    return Place("1", 1, 10, since=5, tables=("a", "b"))


def test_a_place_is_what_its_position_says() -> None:
    place = begun()
    place.begins(Snapshot("1:2:"), 20)
    place.has_read("a", ("7", "x"))
    place.schemas["a"] = "0"
    assert Place.of(json.loads(json.dumps(place.position))) == place


def test_a_pass_reads_the_tables_in_order() -> None:
    place = begun()
    assert not place.is_read
    place.begins(Snapshot("1:2:"), 20)
    place.has_read("b", ())
    assert not place.is_read
    place.has_read("", ())
    assert place.is_read


def test_a_pass_that_has_read_nothing_is_forgotten() -> None:
    place = begun()
    for number in (1, 2, 3):
        place.begins(Snapshot(f"{number}:{number}:"), number)
    assert [each.end for each in place.passes] == [3]
    place.has_read("a", ("5",))
    for number in (4, 5):
        place.begins(Snapshot(f"{number}:{number}:"), number)
    assert [(each.end, each.table, each.key) for each in place.passes] == [
        (3, "a", ("5",)),
        (5, "a", ("5",)),
    ]


def test_each_table_has_been_read_by_some_of_the_passes() -> None:
    place = begun()
    place.begins(Snapshot("1:1:"), 1)
    place.has_read("a", ("5",))
    place.begins(Snapshot("2:2:"), 2)
    place.has_read("b", ())
    place.begins(Snapshot("3:3:"), 3)
    place.has_read("", ())

    def ends(table: str) -> list[int]:
        return [each.end for each in place.passes_of(table)]

    assert (ends("a"), ends("b"), ends("c")) == ([1, 2], [3], [])
    place.forget(2)
    assert place.passes
    place.forget(3)
    assert place.passes == ()
    assert place.is_read
