"""What is kept for a key of a timed computation."""

import pytest

from wallarood.flow.timed.rows import NEVER, UNMADE, Row, state_in


def test_a_state_is_made_when_it_is_first_asked_for_and_kept() -> None:
    made = []

    def make() -> list[int]:
        made.append(1)
        return []

    row = Row()
    state = state_in(row, make)
    state.append(7)
    assert state_in(row, make) == [7]
    assert len(made) == 1


def test_a_state_that_is_empty_or_none_was_made_all_the_same() -> None:
    row = Row()
    row.state = None
    assert state_in(row, lambda: pytest.fail("made again")) is None


def test_a_state_that_cannot_be_made_leaves_none() -> None:
    row = Row()
    with pytest.raises(ZeroDivisionError):
        state_in(row, lambda: 1 // 0)
    assert row.state is UNMADE


def test_a_key_is_kept_only_where_its_stand_in_does_not_tell_it() -> None:
    row, key = Row(), "k"
    row.remember(key, key)
    assert row.key_of(key) == "k"
    assert row.key is UNMADE  # nothing is stored twice
    other = Row()
    other.remember((1, "k"), b"encoded")
    assert other.key_of(b"encoded") == (1, "k")


def test_a_forgotten_key_begins_again_but_for_the_records_that_wait() -> None:
    row = Row()
    row.state, row.timers, row.wall, row.seen = 5, {"t": 1}, {"w": 2}, 9
    row.waiting = [(7, "record")]
    row.remember((1,), b"x")
    row.forget()
    assert (row.state, row.timers, row.wall, row.seen) == (UNMADE, None, None, NEVER)
    assert row.waiting == [(7, "record")]
    assert row.key_of(b"x") == (1,)
