"""Spells of time add up, and one that goes on counts."""

import time

import pytest

from wallarood.runtime.dataflow.counters import Stopwatch


def test_a_spell_that_goes_on_counts_up_to_now() -> None:
    watch = Stopwatch(2.0, since=100.0)
    assert watch.at(103.0) == 5.0
    assert Stopwatch(2.0).at(103.0) == 2.0


def test_a_spell_is_added_also_when_it_ends_by_an_error() -> None:
    watch = Stopwatch()
    began = time.perf_counter()
    with pytest.raises(OSError, match="gone"), watch:
        raise OSError("gone")
    assert watch.since is None
    assert 0 < watch.seconds <= time.perf_counter() - began
