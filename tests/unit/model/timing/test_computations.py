"""Computations with timers and expiry as values: what lays out state, and what is kept."""

import attrs

from wallarood.model.timing.computations import DistinctSpec, TimedSpec

SECOND = 1_000_000


def test_what_is_kept_says_by_which_clock_it_is_forgotten() -> None:
    spec = TimedSpec(stamped=True, ttl=SECOND)
    kept = "state and timers of each key, until 1s after its last record"
    assert spec.keeps == kept
    assert attrs.evolve(spec, stamped=False).keeps == f"{kept} by the clock of the worker"
    assert attrs.evolve(spec, ttl=None).keeps == "state and timers of each key, forever"
    assert attrs.evolve(spec, in_order=True).keeps.startswith(f"{kept}; records until")


def test_the_order_lays_out_state_and_how_long_it_is_kept_does_not() -> None:
    spec = TimedSpec(stamped=True)
    assert attrs.evolve(spec, ttl=SECOND).fingerprint == spec.fingerprint
    assert attrs.evolve(spec, in_order=True).fingerprint != spec.fingerprint


def test_a_step_that_lets_the_first_pass_keeps_when_that_was() -> None:
    spec = DistinctSpec(stamped=False, within=SECOND)
    assert spec.fingerprint == "distinct within 1000000 µs"
    assert spec.keeps == (
        "when a record of each key passed, until 1s later by the clock of the worker"
    )
