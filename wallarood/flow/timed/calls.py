"""The calls of a timed computation's functions, and what comes of them."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import attrs

from wallarood.flow.failures import Failure, fail
from wallarood.flow.steps.operators import DROPPED
from wallarood.flow.timed.expiry import Expiry
from wallarood.flow.timed.rows import NEVER, UNMADE, Row, state_in
from wallarood.flow.timed.timers import RecordTimers
from wallarood.model.batch import Batch
from wallarood.model.pipeline import Computation
from wallarood.model.timing.computations import TimedSpec


class Calls:
    """Calls the functions of *computation*; `done` has what those gave that were called one by one.

    `count` says how many were since it was taken.
    """

    def __init__(
        self, computation: Computation, timers: RecordTimers, expiry: Expiry | None
    ) -> None:
        assert computation.state is not None
        self._computation = computation
        self._spec: TimedSpec = computation.spec
        self.function = computation.function
        self.make = computation.state
        self.timers = timers
        self.latest = NEVER
        self.see = _never_seen if expiry is None else expiry.see
        self.done = _nothing(self._spec)
        self.count = 0

    def begin(self) -> None:
        """A firing begins."""
        self.take()

    def take(self) -> Batch:
        """What was given since this was called last."""
        done, self.done, self.count = self.done, _nothing(self._spec), 0
        return done

    def of_states(
        self, batch: Batch, states: Iterator[Any], *, results: list[Any], failures: list[Failure]
    ) -> bool:
        """Add a result for each record, DROPPED where there is none; whether all have one.

        *states* are the user's, and drawn one by one.
        """
        if self._computation.with_key:
            waiting = zip(batch.values, batch.keys or (), states, strict=True)
            return self._of_each(_call_with_key, waiting, batch, results=results, failures=failures)
        drawn = zip(batch.values, states, strict=True)
        return self._of_each(_call, drawn, batch, results=results, failures=failures)

    def of_rows(
        self, batch: Batch, rows: Iterator[Row], *, results: list[Any], failures: list[Failure]
    ) -> bool:
        """As `of_states`, where whether a row was seen is to be noted too."""
        if self._computation.with_key:
            waiting = zip(batch.values, batch.keys or (), rows, strict=True)
            loop = _call_row_with_key
            return self._of_each(loop, waiting, batch, results=results, failures=failures)
        drawn = zip(batch.values, rows, strict=True)
        return self._of_each(_call_row, drawn, batch, results=results, failures=failures)

    def _of_each(
        self,
        loop: "_Loop",
        waiting: Iterator[Any],
        batch: Batch,
        *,
        results: list[Any],
        failures: list[Failure],
    ) -> bool:
        whole = True
        while True:
            try:
                return loop(self, waiting, results) and whole
            except BaseException as error:
                record = batch.values[len(results)]
                fail(self._computation, record, error, failures=failures)
                results.append(DROPPED)
                whole = False

    def of_record(
        self, row: Row, held: Any, record: Any, *, time: int, failures: list[Failure]
    ) -> None:
        """Call the function with one record, at its time."""

        def call(**named: Any) -> Any:
            return self.function(record, state_in(row, self.make), self.timers, **named)

        called = _Called(call, record, self._computation.with_key)
        self._call_one(called, row, held, time=time, failures=failures)

    def of_timer(
        self, row: Row, held: Any, name: str, *, time: int, failures: list[Failure]
    ) -> None:
        """Tell the application that a timer fires."""
        on_timer = self._spec.on_timer
        if on_timer is None:
            self.count += 1
            return

        def call(**named: Any) -> Any:
            assert on_timer is not None
            return on_timer(name, state_in(row, self.make), self.timers, **named)

        shown = f"timer {name!r} of key {row.key_of(held)!r:.200}"
        called = _Called(call, _Shown(shown), self._spec.timer_with_key)
        self._call_one(called, row, held, time=time, failures=failures)

    def of_expiry(self, row: Row, held: Any, *, time: int, failures: list[Failure]) -> None:
        """Tell the application that a key is forgotten."""
        on_expire = self._spec.on_expire
        self.count += 1
        if on_expire is None or row.state is UNMADE:
            return

        def call(**named: Any) -> Any:
            assert on_expire is not None
            return on_expire(row.state, **named)

        shown = f"expiry of key {row.key_of(held)!r:.200}"
        called = _Called(call, _Shown(shown), self._spec.expiry_with_key)
        self._call_one(called, row, held, time=time, failures=failures)

    def _call_one(
        self,
        called: "_Called",
        row: Row,
        held: Any,
        *,
        time: int,
        failures: list[Failure],
    ) -> None:
        self.count += 1
        key = row.key_of(held)
        times = [time]
        self.timers.enter({held: row}, (held,), times)
        try:
            result = called.call(**({"key": key} if called.with_key else {}))
        except BaseException as error:
            fail(self._computation, called.shown, error, failures=failures)
            return
        finally:
            self.timers.enter({}, (), None)
        if result is not None:
            self.done.values.append(result)
            assert self.done.keys is not None
            self.done.keys.append(key)
            if self.done.times is not None:
                self.done.times.append(time)


@attrs.frozen
class _Called:
    """A call of user code; `shown` is what stands for the record in a message."""

    call: Callable[..., Any]
    shown: Any
    with_key: bool


class _Shown:
    """What stands in the place of a record in a message."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _nothing(spec: TimedSpec) -> Batch:
    return Batch([], [], times=[] if spec.stamped else None)


def _never_seen(row: Row) -> None:
    """In the place of what notes that a row was seen, where none is forgotten."""


def _call(calls: Calls, waiting: Iterator[Any], results: list[Any]) -> bool:
    function, timers, whole = calls.function, calls.timers, True
    for record, state in waiting:
        result = function(record, state, timers)
        if result is None:
            result, whole = DROPPED, False
        results.append(result)
    return whole


def _call_with_key(calls: Calls, waiting: Iterator[Any], results: list[Any]) -> bool:
    function, timers, whole = calls.function, calls.timers, True
    for record, key, state in waiting:
        result = function(record, state, timers, key=key)
        if result is None:
            result, whole = DROPPED, False
        results.append(result)
    return whole


def _call_row(calls: Calls, waiting: Iterator[Any], results: list[Any]) -> bool:
    function, make, timers = calls.function, calls.make, calls.timers
    latest, see = calls.latest, calls.see
    whole = True
    for record, row in waiting:
        if row.seen < latest:
            see(row)
        state = row.state
        if state is UNMADE:
            state = row.state = make()
        result = function(record, state, timers)
        if result is None:
            result, whole = DROPPED, False
        results.append(result)
    return whole


def _call_row_with_key(calls: Calls, waiting: Iterator[Any], results: list[Any]) -> bool:
    function, make, timers = calls.function, calls.make, calls.timers
    latest, see = calls.latest, calls.see
    whole = True
    for record, key, row in waiting:
        if row.seen < latest:
            see(row)
        result = function(record, state_in(row, make), timers, key=key)
        if result is None:
            result, whole = DROPPED, False
        results.append(result)
    return whole


_Loop: TypeAlias = Callable[[Calls, Iterator[Any], list[Any]], bool]
