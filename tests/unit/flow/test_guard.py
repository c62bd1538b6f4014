"""Records that cannot be sent fail where they are made, also if they would stay."""

import sys
from functools import partial
from typing import Any

import msgspec
import pytest

import wallarood as w
from wallarood.flow.failures import Failure
from wallarood.flow.guard import SAMPLE_EVERY, SAMPLE_FIRST, Guard, NotSendableError, maker_of
from wallarood.model.batch import Batch
from wallarood.model.errors import ApplicationError
from wallarood.model.messages import Listing
from wallarood.model.pipeline import ErrorPolicy, Step
from wallarood.planning.plan import plan
from wallarood.wire.records.codec import RecordCodec
from wallarood.wire.records.untyped import PickleRule


def make(number: int) -> int:
    return number


def steps(on_error: Any = "skip", *, record: Any = int) -> tuple[w.Application, Step]:
    """The step that makes records, between a source and a state."""
    source = w.source("in", w.ListSource([1], record=record))
    made = source.map(make, name="make", on_error=on_error).filter(bool, name="some")
    end = made.key_by(str).to(
        w.state_computation(state=list, name="keep")(lambda record, _: record)
    )
    application = w.application("test", end.to_sink(w.ListSink([])))
    listing = (("a", (Listing("in", ("0",)),)),)
    return application, maker_of(application, plan(application, ("a",), listing).stages[0])


def guard_of(hint: Any, on_error: Any = "skip") -> Guard:
    codec = RecordCodec.for_types(hint, rule=PickleRule.ALLOWED)
    return Guard(codec, steps(on_error)[1])


def sifted(guard: Guard, records: list[Any]) -> tuple[Batch, list[Failure]]:
    failures: list[Failure] = []
    keys = [f"k{place}" for place in range(len(records))]
    return guard.sift(Batch(records, keys), failures), failures


def test_the_maker_is_the_last_step_that_makes_records() -> None:
    assert steps()[1].name == "make"


def test_a_record_that_cannot_be_sent_is_left_out_with_its_key_and_fails_by_the_policy() -> None:
    batch, failures = sifted(guard_of(Any), [1, lambda: 2, 3])
    assert batch == Batch([1, 3], ["k0", "k2"])
    (failure,) = failures
    assert failure.policy is ErrorPolicy.SKIP
    assert failure.letter.computation == "make"
    assert "cannot be pickled" in failure.letter.error


def test_where_the_policy_is_to_stop_the_job_fails() -> None:
    with pytest.raises(ApplicationError, match=r"'make' failed at .* cannot be sent") as caught:
        sifted(guard_of(Any, "stop"), [lambda: 2])
    assert isinstance(caught.value.__cause__, NotSendableError)


def test_without_a_type_hint_every_batch_is_looked_at() -> None:
    guard = guard_of(Any)
    for _ in range(SAMPLE_FIRST + 1):
        assert sifted(guard, [1])[0] == Batch([1], ["k0"])
    assert sifted(guard, [lambda: 1])[0] == Batch([], [])


def test_with_an_exact_type_batches_are_looked_at_in_samples_until_one_is_not_of_it() -> None:
    guard = guard_of(int)
    odd = lambda: 1  # noqa: E731 - a record that cannot be sent
    for _ in range(SAMPLE_FIRST):
        sifted(guard, [1])
    found = [sifted(guard, [odd])[0] for _ in range(SAMPLE_EVERY)]
    assert sum(not batch.values for batch in found) >= 1
    assert sifted(guard, [odd])[0] == Batch([], [])
    assert sifted(guard, [True])[0] == Batch([True], ["k0"])


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"a": 1, "changed by inspect": lambda: 1}, "cannot be pickled"),
        ({"a": msgspec.json.decode(b"[" * 900 + b"]" * 900)}, "recursion"),
    ],
)
def test_the_first_batches_that_json_has_made_are_looked_at(
    record: dict[str, Any], why: str, request: pytest.FixtureRequest
) -> None:
    # Hypothesis raises the limit for good in the process where it runs.
    request.addfinalizer(partial(sys.setrecursionlimit, sys.getrecursionlimit()))
    sys.setrecursionlimit(1000)
    codec = RecordCodec.for_types(dict, rule=PickleRule.ALLOWED)
    guard = Guard(codec, steps()[1], sure=True)
    assert sifted(guard, [{"a": [{"b": 1}]}])[1] == []
    batch, failures = sifted(guard, [{"a": 1}, record])
    assert batch == Batch([{"a": 1}], ["k0"])
    (failure,) = failures
    assert why in failure.letter.error


def test_what_json_has_made_is_not_looked_at_later_but_its_keys_are() -> None:
    codec = RecordCodec.for_types(dict, rule=PickleRule.ALLOWED)
    guard = Guard(codec, steps()[1], sure=True)
    batch = Batch([{"a": [{"b": 1}]}, {"a": []}], ["k", "l"])
    for _ in range(SAMPLE_FIRST):
        assert guard.sift(batch, []) is batch
    batch.values[1]["a"] = lambda: 1  # nobody looks any more, or this would be refused
    assert guard.sift(batch, []) is batch
    assert not guard.full
    failures: list[Failure] = []
    assert guard.sift(Batch([{}, {}], ["k", lambda: 1]), failures) == Batch([{}], ["k"])
    assert len(failures) == 1
