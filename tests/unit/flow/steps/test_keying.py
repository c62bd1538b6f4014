"""The operator that gives records their keys: by a selector, by the function, and by its policy."""

from collections.abc import Callable
from typing import Any

import pytest

from wallarood.flow.failures import ComputationFailed, Failure
from wallarood.flow.steps.keying import key_by
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation, ErrorPolicy, FunctionShape, Where


def keyed(
    function: Callable[[Any], Any],
    records: list[Any],
    policy: ErrorPolicy = ErrorPolicy.SKIP,
    *,
    batch: Batch | None = None,
) -> tuple[Batch, list[Failure]]:
    """What the operator makes of *records*, and the failures."""
    where = Where(__file__, 1)
    computation = Computation("key", function, FunctionShape.ONE, where, on_error=policy)
    failures: list[Failure] = []
    found = key_by(computation).on_batch(batch or Batch(records), failures)
    return found, failures


RECORDS = [{"user": f"u{number % 3}", "n": number} for number in range(10)]


@pytest.mark.parametrize(
    "function",
    [lambda record: record["user"], lambda record: str(record["user"])],
    ids=["selector", "function"],
)
def test_each_record_has_its_key_and_is_what_it_was(function: Callable[[Any], Any]) -> None:
    found, failures = keyed(function, RECORDS)
    assert found.values == RECORDS
    assert found.keys == [record["user"] for record in RECORDS]
    assert found.kind is str
    assert failures == []


def test_keys_of_several_types_are_of_no_one_kind() -> None:
    found, _ = keyed(lambda n: n if n % 2 else str(n), list(range(4)))
    assert found.keys == ["0", 1, "2", 3]
    assert found.kind is None


@pytest.mark.parametrize("bad", [None, 1.5, [], {"a": 1}, (1, 2.5)])
def test_what_cannot_be_a_key_fails_its_record_only(bad: Any) -> None:
    found, failures = keyed(lambda n: bad if n == 1 else n, [0, 1, 2])
    assert found.values == [0, 2]
    assert found.keys == [0, 2]
    assert found.kind is int
    (failure,) = failures
    assert failure.letter.record == "1"
    assert "KeyTypeError" in failure.letter.error


def test_a_selector_that_raises_fails_its_record_only() -> None:
    records = [{"user": "a"}, {}, {"user": "b"}, {"user": None}]
    found, failures = keyed(lambda record: record["user"], records)
    assert found.keys == ["a", "b"]
    assert found.values == [records[0], records[2]]
    assert [each.letter.error.partition(":")[0] for each in failures] == [
        "KeyError",
        "KeyTypeError",
    ]


def test_the_stamps_of_those_that_stay_stay_with_them() -> None:
    batch = Batch([0, 1, 2], times=[10, 11, 12])
    found, _ = keyed(lambda n: None if n == 1 else n, [], batch=batch)
    assert found.times == [10, 12]


def test_former_keys_are_forgotten() -> None:
    batch = Batch([0, 1, 2], ["x", "y", "z"], str)
    found, _ = keyed(lambda n: None if n == 1 else n, [], batch=batch)
    assert (found.keys, found.kind) == ([0, 2], int)


def test_a_policy_to_stop_stops_at_the_first() -> None:
    with pytest.raises(ComputationFailed, match="KeyTypeError"):
        keyed(lambda n: None if n else 0, [0, 1, 2], ErrorPolicy.STOP)
