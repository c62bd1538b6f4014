"""Alignment of barriers, watermarks and ends over several inputs."""

import random

import pytest

from wallarood.flow.align import Alignment
from wallarood.flow.state.at_once import AtOnce
from wallarood.flow.watermarks import Clock, restored_watermark
from wallarood.model.batch import Barrier, EndOfStream, Loaded, Mark, Watermark
from wallarood.model.time import MAX_TIME

A, B, C = (1, "alpha"), (1, "beta"), (2, "alpha")
END = EndOfStream()


def test_a_barrier_passes_when_all_inputs_have_shown_it_and_blocks_the_early_ones() -> None:
    alignment = Alignment([A, B, C])
    assert alignment.take(A, Barrier(0, 1)) == ()
    assert alignment.take(B, Barrier(0, 1)) == ()
    assert alignment.blocked == {A, B}
    assert alignment.take(C, Barrier(0, 1)) == (Barrier(0, 1),)
    assert alignment.blocked == frozenset()


def test_an_input_that_has_ended_counts_as_aligned() -> None:
    alignment = Alignment([A, B])
    assert alignment.take(A, END) == ()
    assert alignment.take(B, Barrier(0, 1)) == (Barrier(0, 1),)
    other = Alignment([A, B])
    assert other.take(A, Barrier(0, 1)) == ()
    assert other.take(B, END) == (Barrier(0, 1),)


def test_a_higher_barrier_releases_a_lower_one_whose_rest_is_dropped() -> None:
    alignment = Alignment([A, B])
    alignment.take(A, Barrier(0, 1))
    assert alignment.take(B, Barrier(0, 2)) == ()
    assert alignment.blocked == {B}
    assert alignment.take(A, Barrier(0, 2)) == (Barrier(0, 2),)
    assert alignment.take(B, Barrier(0, 1)) == ()
    assert alignment.blocked == frozenset()


def test_the_drivers_word_releases_an_alignment() -> None:
    alignment = Alignment([A, B])
    alignment.take(A, Barrier(0, 1))
    assert alignment.release(1)
    assert alignment.blocked == frozenset()
    assert alignment.take(B, Barrier(0, 1)) == ()
    assert alignment.take(A, Barrier(0, 2)) == ()
    assert alignment.take(B, Barrier(0, 2)) == (Barrier(0, 2),)


def test_the_end_passes_when_all_inputs_have_ended() -> None:
    alignment = Alignment([A, B])
    assert alignment.take(A, END) == ()
    assert alignment.take(B, END) == (END,)


def test_a_watermark_is_the_lowest_of_the_inputs_that_live_and_only_rises() -> None:
    alignment = Alignment([A, B])
    assert alignment.take(A, Watermark(5)) == ()
    assert alignment.take(B, Watermark(3)) == (Watermark(3),)
    assert alignment.take(B, Watermark(3)) == ()
    assert alignment.take(B, Watermark(9)) == (Watermark(5),)
    assert alignment.take(A, END) == (Watermark(9),)


def test_an_idle_input_holds_nobody_up_and_when_all_are_idle_the_highest_counts() -> None:
    alignment = Alignment([A, B])
    alignment.take(A, Watermark(5))
    assert alignment.take(B, Watermark(3, idle=True)) == (Watermark(5),)
    assert alignment.take(A, Watermark(5, idle=True)) == (Watermark(5, idle=True),)
    other = Alignment([A, B])
    assert other.take(A, Watermark(5, idle=True)) == ()
    assert other.take(B, Watermark(3, idle=True)) == (Watermark(5, idle=True),)


def test_an_input_that_comes_back_from_idleness_does_not_move_time_back() -> None:
    alignment = Alignment([A, B])
    alignment.take(A, Watermark(50))
    alignment.take(B, Watermark(3, idle=True))
    assert alignment.take(B, Watermark(4)) == ()
    assert alignment.take(A, Watermark(60)) == ()
    assert alignment.take(B, Watermark(70)) == (Watermark(60),)


def test_an_input_that_has_ended_does_not_end_time_while_another_is_idle() -> None:
    alignment = Alignment([A, B])
    alignment.take(A, Watermark(MAX_TIME))
    assert alignment.take(A, END) == ()
    assert alignment.take(B, Watermark(7, idle=True)) == (Watermark(7, idle=True),)
    assert alignment.take(B, Watermark(MAX_TIME)) == (Watermark(MAX_TIME),)


def test_an_input_at_its_end_does_not_end_time_while_another_has_been_idle_before() -> None:
    alignment = Alignment([A, B])
    alignment.take(A, Watermark(5))
    assert alignment.take(B, Watermark(7, idle=True)) == (Watermark(5),)
    assert alignment.take(A, Watermark(MAX_TIME)) == (Watermark(7, idle=True),)
    assert alignment.take(A, END) == ()
    assert alignment.take(B, Watermark(8)) == (Watermark(8),)


def test_an_input_that_ended_before_another_has_spoken_counts_once_that_is_idle() -> None:
    alignment = Alignment([A, B])
    alignment.take(A, Watermark(50))
    alignment.take(A, Watermark(MAX_TIME))
    alignment.take(A, END)
    assert alignment.take(B, Watermark(30)) == (Watermark(30),)
    assert alignment.take(B, Watermark(30, idle=True)) == (Watermark(50, idle=True),)
    assert alignment.take(B, Watermark(40)) == (Watermark(50),)


def test_before_the_end_time_comes_to_where_the_furthest_input_had_come() -> None:
    alignment = Alignment([A, B])
    alignment.take(A, Watermark(50))
    assert alignment.take(B, Watermark(7)) == (Watermark(7),)
    alignment.take(A, Watermark(MAX_TIME))
    assert alignment.take(A, END) == ()
    assert alignment.take(B, Watermark(MAX_TIME)) == (Watermark(50), Watermark(MAX_TIME))
    assert alignment.take(B, END) == (END,)


@pytest.mark.parametrize("seed", range(100))
def test_time_before_the_end_does_not_depend_on_which_input_ends_first(seed: int) -> None:
    rng = random.Random(seed)
    inputs = [(0, f"w{n}") for n in range(rng.randrange(1, 5))]
    queues: dict[tuple[int, str], list[Mark]] = {}
    furthest = []
    for each in inputs:
        times = sorted(rng.randrange(100) for _ in range(rng.randrange(1, 6)))
        furthest.append(times[-1])
        marks = [Watermark(time, idle=rng.random() < 0.3) for time in times]
        queues[each] = [*marks, Watermark(MAX_TIME), END]
    alignment, passed = Alignment(inputs), list[Mark]()
    while any(queues.values()):
        source = rng.choice([each for each in inputs if queues[each]])
        passed += alignment.take(source, queues[source].pop(0))
    times = [mark.time for mark in passed if isinstance(mark, Watermark)]
    assert times == sorted(times)
    assert times[-2:] == [max(furthest), MAX_TIME]
    assert passed[-1] == END


def test_the_watermark_of_an_input_never_falls() -> None:
    alignment = Alignment([A])
    assert alignment.take(A, Watermark(5)) == (Watermark(5),)
    assert alignment.take(A, Watermark(4)) == ()


def test_after_a_restart_what_was_idle_counts_again_and_time_does_not_fall() -> None:
    clock = Clock()
    clock.decode(Clock(27).encode())
    alignment = Alignment([A, B], restored_watermark([AtOnce("@window", clock)]))
    assert alignment.take(A, Watermark(27)) == (Watermark(27),)
    assert alignment.take(B, Watermark(21)) == ()
    assert alignment.take(B, Watermark(28)) == ()
    assert alignment.take(A, Watermark(30)) == (Watermark(28),)


def test_after_a_restart_what_had_passed_is_told_again_to_those_that_have_other_inputs() -> None:
    first, second = Alignment([A], Watermark(100)), Alignment([B, C], Watermark(90))
    assert second.take(C, Watermark(120)) == (Watermark(90),)
    told = first.take(A, Watermark(100))
    assert [mark for each in told for mark in second.take(B, each)] == [Watermark(100)]
    assert first.take(A, Watermark(100)) == ()


def test_inputs_wait_for_the_first_to_end_but_not_while_a_barrier_is_aligned() -> None:
    alignment = Alignment([A, B, C], first=[C])
    assert alignment.waits
    assert alignment.blocked == {A, B}
    alignment.take(C, Barrier(0, 1))
    assert alignment.blocked == {C}
    alignment.take(A, Barrier(0, 1))
    assert alignment.blocked == {A, C}
    assert alignment.take(B, Barrier(0, 1)) == (Barrier(0, 1),)
    assert alignment.blocked == {A, B}
    alignment.take(C, Barrier(0, 2))
    assert alignment.release(2)
    assert alignment.blocked == {A, B}
    alignment.take(C, END)
    assert not alignment.waits
    assert alignment.blocked == frozenset()


def test_an_input_that_has_shown_a_barrier_waits_for_it_though_the_first_have_ended() -> None:
    alignment = Alignment([A, B, C], first=[C])
    alignment.take(C, Barrier(0, 1))
    alignment.take(A, Barrier(0, 1))
    alignment.release(0)
    assert alignment.take(B, Barrier(0, 1)) == (Barrier(0, 1),)
    alignment.take(C, Barrier(0, 2))
    alignment.take(A, Barrier(0, 2))
    alignment.take(C, END)
    assert alignment.blocked >= {A}
    assert B not in alignment.blocked


def test_no_watermark_passes_while_inputs_wait() -> None:
    alignment = Alignment([A, B], first=[B])
    assert alignment.take(B, Watermark(5)) == ()
    assert alignment.take(A, Watermark(7)) == ()
    assert alignment.take(B, END) == (Watermark(7),)


@pytest.mark.parametrize("seed", range(200))
def test_every_barrier_passes_once_and_in_order_over_random_inputs(seed: int) -> None:
    rng = random.Random(seed)
    inputs = [(0, f"w{n}") for n in range(rng.randrange(1, 5))]
    queues = {each: [*(Barrier(0, n) for n in range(1, 6)), END] for each in inputs}
    for queue in queues.values():
        del queue[rng.randrange(1, 7) : -1]
    alignment, passed = Alignment(inputs), []
    while any(queues.values()):
        ready = [each for each in inputs if queues[each] and each not in alignment.blocked]
        assert ready, "all inputs are blocked"
        source = rng.choice(ready)
        passed += alignment.take(source, queues[source].pop(0))
    barriers = [mark for mark in passed if isinstance(mark, Barrier)]
    assert barriers == sorted(set(barriers), key=lambda each: each.number)
    assert passed.count(END) == 1
    assert passed[-1] == END


def test_inputs_wait_until_the_first_have_been_read_as_far_as_they_went() -> None:
    alignment = Alignment([A, B, C], first=[B, C])
    assert alignment.blocked == {A}
    assert alignment.take(B, Loaded()) == ()
    assert alignment.waits
    assert alignment.take(C, END) == ()
    assert not alignment.waits
    assert alignment.blocked == frozenset()
    assert alignment.take(A, Watermark(5)) == ()
    assert alignment.take(B, Watermark(3)) == (Watermark(3),)


def test_that_all_is_loaded_passes_once_and_not_where_all_has_ended() -> None:
    alignment = Alignment([A, B])
    assert alignment.take(A, Loaded()) == ()
    assert alignment.take(B, Loaded()) == (Loaded(),)
    assert alignment.take(B, Loaded()) == ()
    other = Alignment([A, B])
    assert other.take(A, Loaded()) == ()
    assert other.take(B, END) == (Loaded(),)
    bounded = Alignment([A, B])
    assert bounded.take(A, END) == ()
    assert bounded.take(B, END) == (END,)
