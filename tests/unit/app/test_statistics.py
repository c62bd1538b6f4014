"""Further aggregations, over the panes of windows, against plain Python."""

import random
import statistics
from collections.abc import Callable
from typing import Any

import pytest
from support.windows import driven, windows

import wallarood as w
from wallarood.flow.failures import ComputationFailed
from wallarood.model.pipeline import ErrorPolicy
from wallarood.model.timing.windows import WindowKind

Values = list[Any]


def exactly(found: Any, expected: Any) -> bool:
    return bool(found == expected)


def nearly(found: Any, expected: Any) -> bool:
    return bool(found == pytest.approx(expected))


def quartile(values: Values) -> float:
    return (
        statistics.quantiles(values, n=4, method="inclusive")[2] if len(values) > 1 else values[0]
    )


CASES: list[tuple[Any, Callable[[Values], Any], Callable[[Any, Any], bool]]] = [
    (w.first(), lambda values: values[0], exactly),
    (w.last(), lambda values: values[-1], exactly),
    (w.variance(), statistics.pvariance, nearly),
    (w.stddev(), statistics.pstdev, nearly),
    (w.top(3), lambda values: sorted(values, reverse=True)[:3], exactly),
    (w.top(4, by=lambda n: n % 7), lambda v: sorted(v, key=lambda n: -(n % 7))[:4], exactly),
    (
        w.top(2, by=abs, of=str),
        lambda v: list(map(str, sorted(v, key=lambda n: -abs(n))))[:2],
        exactly,
    ),
    (w.collect(), list, exactly),
    (w.collect(of=str), lambda values: list(map(str, values)), exactly),
    (w.distinct_count(), lambda values: len(set(values)), exactly),
    (
        w.distinct_count(of=lambda n: (n % 3, n > 0)),
        lambda v: len({(n % 3, n > 0) for n in v}),
        exactly,
    ),
    (w.quantile(0.75), quartile, nearly),
    (w.quantile(0), min, nearly),
    (w.quantile(1), max, nearly),
]


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("batch", [1, 7, 200])
@pytest.mark.parametrize("count", [1, 2, 150])
def test_each_says_what_plain_python_says(case: int, batch: int, count: int) -> None:
    aggregation, expected, same = CASES[case]
    chance = random.Random(count)
    values = [chance.randrange(-40, 40) for _ in range(count)]
    run = driven(windows(WindowKind.HOPPING, size=1000, every=10), aggregation, w.count())
    for start in range(0, count, batch):
        some = values[start : start + batch]
        run.feed([("a", start + place, number) for place, number in enumerate(some)])
        run.checkpoint()
        run.crash()
    run.end()

    (whole,) = [each.value for each in run.results if each.start == 0]
    assert same(whole[0], expected(values)), (whole[0], expected(values))
    assert whole[1] == count


def test_first_and_last_go_by_time_and_not_by_arrival() -> None:
    run = driven(windows(WindowKind.SESSION, size=100), w.first(), w.last())
    run.feed(
        [("a", 5, "five"), ("a", 1, "one"), ("a", 9, "nine"), ("a", 7, "seven"), ("a", 9, "9")]
    )
    run.end()

    assert run.results[0].value == ("one", "9")


def test_values_that_python_takes_for_equal_are_told_apart() -> None:
    run = driven(windows(WindowKind.TUMBLING, size=100), w.distinct_count())
    run.feed([("a", 1, value) for value in (1, True, "1", b"1", 1, (1, "x"), (True, "x"))])
    run.end()

    assert run.results[0].value == 6


@pytest.mark.parametrize(
    ("aggregation", "value", "message"),
    [
        (w.variance(), "x", "cannot add 'x'"),
        (w.quantile(0.5), None, "cannot add None"),
        (w.quantile(0.5), float("nan"), "neither less nor greater"),
        (w.top(3), None, "'<' not supported"),
        (w.distinct_count(), 1.5, "expected str, bytes, int, bool"),
        (w.distinct_count(at_most=2), "c", "3 values differ, which is more than at_most=2"),
        (w.quantile(0.5, at_most=2), 3, "3 values of one key are more than at_most=2"),
    ],
)
def test_a_value_that_does_not_fit_is_named(aggregation: Any, value: Any, message: str) -> None:
    text = isinstance(value, str)
    before = [("a", 1, "a" if text else 1), ("a", 1, "b" if text else 2)]
    if "cannot add" in message:
        before = [("a", 1, 1)]
    stopping = driven(windows(WindowKind.TUMBLING, size=10), aggregation, on_error=ErrorPolicy.STOP)
    stopping.feed(before)
    with pytest.raises(ComputationFailed, match=message):
        stopping.one("a", 2, value)

    skipping = driven(windows(WindowKind.TUMBLING, size=10), aggregation, w.count())
    skipping.feed([*before, ("a", 2, value)])
    skipping.end()
    assert len(skipping.failures) == 1
    assert skipping.results[0].value[1] == len(before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: w.top(0), "top: n=0: expected an int from 1"),
        (lambda: w.top(3, by=5), "top: expected a function from a record, found 5"),  # type: ignore[call-overload]
        (lambda: w.quantile(1.5), "share=1.5: expected a number from 0 to 1"),
        (lambda: w.quantile(True), "share=True: expected a number"),
        (lambda: w.distinct_count(at_most=0), "at_most=0: expected a positive int"),
        (lambda: w.first(of=3), "first: expected a function from a record"),  # type: ignore[call-overload]
    ],
)
def test_what_is_no_aggregation_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(w.PipelineError, match=message):
        make()
