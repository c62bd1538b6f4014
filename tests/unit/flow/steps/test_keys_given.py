"""State functions that ask for the key: they get that of the record, as key_by gave it."""

from typing import Any

import pytest

import wallarood as w
from wallarood import testing
from wallarood.model.errors import ApplicationError, PipelineError


class Seen:
    def __init__(self) -> None:
        self.count = 0


@w.state_computation(state=Seen)
def one(record: int, seen: Seen, *, key: Any) -> tuple[Any, int, int] | None:
    """The record with its key; nothing for every third."""
    seen.count += 1
    return None if seen.count % 3 == 0 else (key, seen.count, record)


@w.state_computation_multi(state=Seen)
def many(record: int, seen: Seen, *, key: Any) -> list[tuple[Any, int, int]]:
    """The record with its key, twice."""
    seen.count += 1
    return [(key, seen.count, record)] * 2


@w.state_computation_batch(state=Seen)
def batch(records: list[int], seen: Seen, *, key: Any) -> list[tuple[Any, int, int]]:
    """The records with their key."""
    found = []
    for record in records:
        seen.count += 1
        found.append((key, seen.count, record))
    return found


KEYS = {
    "text": lambda n: f"k{n % 5}",
    "number": lambda n: n % 5,
    "flag": lambda n: n % 2 == 0,
    "tuple": lambda n: ("k", n % 3, n % 2 == 0),
    "bytes": lambda n: b"%d" % (n % 4),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("computation", [one, many, batch], ids=lambda each: each.name)
def test_the_key_is_that_of_the_record(computation: Any, key: Any) -> None:
    numbers = w.source("n", w.GeneratorSource(count=1)).key_by(key)
    app = w.application("keys", numbers.to(computation).to_sink(w.StdoutSink(), name="out"))

    found = testing.run_with_crashes(app, {"n": list(range(40))}, every=7)["out"]

    expected = []
    counts: dict[Any, int] = {}
    for number in range(40):
        own = key(number)
        counts[own] = counts.get(own, 0) + 1
        times = {"one": int(counts[own] % 3 != 0), "many": 2, "batch": 1}[computation.name]
        expected += [(own, counts[own], number)] * times
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def test_keys_stay_beside_their_records_when_a_state_cannot_be_made() -> None:
    made = iter(range(100))

    def make() -> Seen:
        if next(made) % 2:
            raise ValueError("no state")
        return Seen()

    computation = w.state_computation(state=make, on_error="skip", name="c")(
        lambda record, _seen, *, key: (key, record)
    )
    numbers = w.source("n", w.GeneratorSource(count=1)).key_by(str)
    app = w.application("keys", numbers.to(computation).to_sink(w.StdoutSink(), name="out"))

    found = testing.run(app, {"n": list(range(10))})["out"]

    assert found
    assert all(key == str(record) for key, record in found)


def stream() -> Any:
    return w.source("n", w.ListSource([1], record=int))


def test_a_key_that_records_do_not_have_is_a_mistake() -> None:
    with pytest.raises(
        PipelineError, match=r"one has a parameter key.*collected records have no key.*key_by"
    ):
        stream().collect().to(one)


def test_a_key_of_another_type_is_a_mistake() -> None:
    @w.state_computation(state=Seen)
    def by_name(record: int, seen: Seen, *, key: str) -> int:
        return record

    stream().key_by(str).to(by_name)
    with pytest.raises(PipelineError, match=r"by_name expects keys of type str, but .* are int"):
        stream().key_by(int).to(by_name)


def test_what_else_it_must_be_given_is_a_mistake() -> None:
    with pytest.raises(PipelineError, match=r"cannot be called as f\(record, state, key=key\)"):

        @w.state_computation(state=Seen)
        def asks_more(record: int, seen: Seen, *, key: str, other: str) -> int:
            return record


def test_an_error_names_the_record_and_not_another() -> None:
    @w.state_computation(state=Seen)
    def fails(record: int, seen: Seen, *, key: str) -> int:
        if record == 3:
            raise ValueError(key)
        return record

    app = w.application("k", stream().key_by(str).to(fails).to_sink(w.StdoutSink(), name="out"))

    with pytest.raises(ApplicationError, match=r"ValueError: 3\n  record: 3"):
        testing.run(app, {"n": [1, 2, 3, 4]})
