"""What a capture still has to encode, in which pieces, and when it is to be a base."""

from typing import Any

import pytest

from wallarood.flow.state import capture
from wallarood.flow.state.capture import (
    DELETED,
    PIECE_BYTES,
    PIECE_KEYS,
    PIECE_KEYS_FIRST,
    UNSURE_MAX,
    Bases,
    Chunks,
    DeltaCapture,
    FullCapture,
    Pieces,
    Waiting,
)
from wallarood.model.checkpoint import StatePart

STATES = {f"k{number}": number for number in range(5)}


def all_waiting() -> Waiting:
    return FullCapture(STATES)


def some_waiting() -> Waiting:
    return DeltaCapture(set(STATES), STATES)


@pytest.mark.parametrize("waiting", [all_waiting(), some_waiting()], ids=["all", "some"])
def test_each_key_leaves_once_with_its_state(waiting: Waiting) -> None:
    found: dict[Any, Any] = {}
    for taken in (waiting.take_of(["k1", "k9"]), waiting.take_of(["k1"]), waiting.take(2)):
        assert not found.keys() & set(taken[0])
        found |= dict(zip(*taken, strict=True))
    assert len(found) == 3
    assert set(waiting.left()) == STATES.keys() - found.keys()
    found |= dict(zip(*waiting.take(100), strict=True))
    assert found == STATES
    assert len(waiting) == 0
    assert waiting.take(1) == ([], [])


def test_a_copy_of_all_does_not_see_what_changes_after_the_barrier() -> None:
    by_key = dict(STATES)
    waiting = FullCapture(by_key)
    by_key["new"] = 7
    del by_key["k0"]
    assert dict(zip(*waiting.take(100), strict=True)) == STATES


def test_a_changed_key_that_is_gone_is_captured_as_deleted() -> None:
    waiting = DeltaCapture({"k1", "gone"}, STATES)
    assert dict(zip(*waiting.take(2), strict=True)) == {"k1": 1, "gone": DELETED}


def test_looking_for_a_deleted_key_makes_no_state() -> None:
    class Table(dict[Any, Any]):
        def __missing__(self, key: Any) -> Any:
            raise AssertionError(f"a state was made for {key}")

    assert DeltaCapture({"gone"}, Table()).take(1) == (["gone"], [DELETED])


def test_pieces_are_joined_to_few_large_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "CHUNK_BYTES", 10)
    chunks = Chunks()
    for piece in (b"abc", b"defg", b"hijk", b"l"):
        chunks.add([piece])
    assert chunks.all() == (b"abcdefghijk", b"l")
    assert Chunks().all() == ()


def sizes(pieces: Pieces, count: int, bytes_each: int) -> list[int]:
    """How many keys are encoded at once."""
    taken = [list(range(count)), list(range(count))]
    encoded = pieces.encode((taken[0], taken[1]), lambda keys, _: [bytes(bytes_each) for _ in keys])
    return [len(keys) for keys, _ in encoded]


def test_pieces_begin_small_and_grow_to_so_many_keys() -> None:
    pieces = Pieces()
    found = sizes(pieces, 5000, 1)
    assert found[:4] == [PIECE_KEYS_FIRST, PIECE_KEYS_FIRST * 4, PIECE_KEYS_FIRST * 16, PIECE_KEYS]
    assert sum(found) == 5000
    assert max(found) == PIECE_KEYS


def test_pieces_of_large_states_take_about_so_many_bytes() -> None:
    found = sizes(Pieces(), 200, PIECE_BYTES // 4)
    assert found[1:] == [4] * ((200 - PIECE_KEYS_FIRST) // 4)


def test_a_state_larger_than_a_piece_goes_alone() -> None:
    assert sizes(Pieces(), PIECE_KEYS_FIRST + 3, PIECE_BYTES * 2)[1:] == [1, 1, 1]


def base(*, is_base: bool) -> StatePart:
    return StatePart("c", is_base, 0, (), 1)


def captured(bases: Bases, number: int, changes: int, total: int) -> bool:
    """Capture so many changes as a base if it is to be one; whether it was."""
    wanted = bases.wanted(changes, total)
    bases.captured(base(is_base=wanted), number, total if wanted else changes)
    return wanted


def test_the_first_capture_is_a_base_and_so_is_every_one_until_a_base_is_committed() -> None:
    bases = Bases()
    assert captured(bases, 1, 1, total=100)
    assert captured(bases, 2, 1, total=100)
    bases.committed(2)
    assert not captured(bases, 3, 1, total=100)


def test_the_next_base_comes_when_the_committed_changes_outgrow_the_state() -> None:
    bases = Bases()
    captured(bases, 1, 1, total=100)
    bases.committed(1)
    for number in range(2, 5):
        assert not captured(bases, number, 30, total=100)
        bases.committed(number)
    assert captured(bases, 5, 30, total=100)
    bases.committed(5)
    assert not captured(bases, 6, 30, total=100)


def test_what_is_not_committed_does_not_count() -> None:
    bases = Bases()
    captured(bases, 1, 1, total=100)
    bases.committed(1)
    for number in range(2, 20):
        assert not captured(bases, number, 30, total=100)


def test_a_restored_state_stands_half_way_to_its_next_base() -> None:
    bases = Bases()
    bases.restored(100)
    assert not bases.wanted(50, 100)
    assert bases.wanted(51, 100)


def test_only_so_many_captures_are_remembered_while_nothing_is_committed() -> None:
    bases = Bases()
    for number in range(1, UNSURE_MAX + 3):
        captured(bases, number, 1, total=100)
    bases.committed(1)  # forgotten: the next is a base at worst
    assert bases.wanted(1, 100)
    bases.committed(UNSURE_MAX)
    assert not bases.wanted(1, 100)
