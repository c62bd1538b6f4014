"""Windows as values: what lays out state is in the fingerprint, what may change is not."""

import attrs
import pytest

import wallarood as w
from wallarood.model.timing.windows import Emit, Gathers, WindowSpec

HOPPING = w.hopping("1min", every="10s")


def spec(windows: w.Windows, **options: object) -> WindowSpec:
    return attrs.evolve(WindowSpec(windows, Gathers.AGGREGATE), **options)


def test_a_result_tells_its_window_as_datetimes() -> None:
    windowed = w.Windowed("ada", 60_000_000, 120_500_000, 3)
    assert windowed.opened.isoformat() == "1970-01-01T00:01:00+00:00"
    assert windowed.closed.isoformat() == "1970-01-01T00:02:00.500000+00:00"


def test_the_fingerprint_has_what_lays_out_the_state() -> None:
    laid_out = spec(HOPPING).fingerprint
    assert laid_out == "aggregate in windows, hopping size 60000000 every 10000000"
    assert spec(HOPPING, grace=5, emit=Emit.UPDATES).fingerprint == laid_out
    assert spec(HOPPING, gathers=Gathers.COLLECT).fingerprint != laid_out
    assert spec(attrs.evolve(HOPPING, offset=1)).fingerprint != laid_out
    counted = w.count_window(10, ttl="1h")
    assert attrs.evolve(counted, ttl=5).fingerprint == counted.fingerprint


@pytest.mark.parametrize(
    ("spec", "keeps"),
    [
        (
            spec(HOPPING, grace=1_000_000),
            "aggregate of each key and hopping(1min, every=10s), until its end and 1s of grace",
        ),
        (
            spec(w.session("10s")),
            "aggregate of each key and open session(10s), until its end",
        ),
        (
            spec(w.rolling("1min"), grace=1_000_000),
            "the records of each key in rolling(1min), until 1min1s after the last",
        ),
        (
            spec(w.count_window(10, ttl="1h")),
            "aggregate of each key in count_window(10), for 1h after its last record",
        ),
        (
            spec(w.count_window(10, ttl=w.forever)),
            "aggregate of each key in count_window(10), without end after its last record",
        ),
    ],
)
def test_it_says_what_is_kept_and_until_when(spec: WindowSpec, keeps: str) -> None:
    assert spec.keeps == keeps


def test_more_than_one_result_comes_of_grace_and_of_results_before_the_end() -> None:
    assert not spec(HOPPING).corrects
    assert spec(HOPPING, grace=1).corrects
    assert spec(HOPPING, emit=Emit.EVERY).corrects
