"""What a join keeps for a key: in the order of time, and what has met no partner is known."""

from hypothesis import given
from hypothesis import strategies as some

from wallarood.flow.joins.rows import SLICE_PAIRS, Row, Side, in_order, remember_keys


def side_of(*records: tuple[int, str], met: tuple[str, ...] | None = None) -> Side:
    """With these records; where *met* is given, it is asked which have met a partner."""
    side = Side()
    for time, value in records:
        place = side.add(time, value)
        if met is not None:
            side.mark(place, met=value in met)
    return side


def kept(side: Side) -> list[tuple[int, str]]:
    return list(zip(side.times, side.values, strict=True))


@given(some.lists(some.integers(0, 20)))
def test_records_stand_by_their_times_and_those_of_one_time_as_they_came(times: list[int]) -> None:
    records = list(zip(times, range(len(times)), strict=True))
    side = Side()
    for record in records:
        place = side.add(*record)
        assert (side.times[place], side.values[place]) == record
    assert kept(side) == sorted(records, key=lambda record: record[0])


def test_what_has_met_no_partner_is_known_by_its_place() -> None:
    side = side_of((5, "c"), (1, "a"), (3, "b"), met=("c",))
    assert side.first_unmatched() == 1
    assert list(side.unmatched(2)) == [(1, "a"), (3, "b")]
    side.match(0, 1)
    assert side.first_unmatched() == 3
    side.match(1, 3)
    assert side.first_unmatched() is None
    assert side_of((1, "a")).first_unmatched() is None


def test_what_is_forgotten_takes_its_mark_with_it() -> None:
    side = side_of((1, "a"), (3, "b"), (3, "c"), (5, "d"), met=("b",))
    side.drop_before(1)
    assert len(side.times) == 4
    side.drop_before(3)
    assert (kept(side), side.matched) == ([(3, "b"), (3, "c"), (5, "d")], [True, False, False])
    side.drop_before(6)
    assert (kept(side), side.matched) == ([], None)


def test_a_key_is_kept_only_where_its_stand_in_does_not_tell_it() -> None:
    rows, keys = [Row(), Row()], ["ada", 1.0]
    remember_keys(rows, keys, keys)
    assert rows[1].key_of("it") == "it"
    remember_keys(rows, keys, [keys[0], "float 1.0"])
    assert [row.key_of("it") for row in rows] == ["it", 1.0]


def test_what_is_emitted_is_ordered_by_time_and_key_and_comes_in_slices() -> None:
    emitted = [
        (time, b"k%d" % key, f"k{key}", (time, key)) for key in (1, 0) for time in range(600)
    ]
    batches = list(in_order(emitted))
    assert [len(each) for each in batches] == [SLICE_PAIRS, 1200 - SLICE_PAIRS]
    values = [value for each in batches for value in each.values]
    assert values == [(time, key) for time in range(600) for key in (0, 1)]
    assert batches[0].keys[:2] == ["k0", "k1"]
