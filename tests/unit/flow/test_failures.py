"""Failures: the letter names the place in the application, whatever the record and the error."""

import asyncio
import inspect
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import trio

import wallarood as w
from wallarood import testing
from wallarood.flow.failures import (
    ComputationFailed,
    Failure,
    Naming,
    fail,
    letter_of,
    text_of,
)
from wallarood.model.errors import ApplicationError, CannotCreateError, WallaroodError
from wallarood.model.pipeline import Computation, ErrorPolicy, FunctionShape, Where


def parse(record: Any) -> Any:
    return json.loads(record)


LINE = inspect.getsourcelines(parse)[1]


def computation(policy: ErrorPolicy = ErrorPolicy.STOP) -> Computation:
    return Computation("parse", parse, FunctionShape.ONE, Where(__file__, LINE), on_error=policy)


def raised_by(record: Any) -> Exception:
    try:
        parse(record)
    except Exception as error:
        return error
    raise AssertionError("it was expected to raise")


def test_the_place_is_the_line_of_the_application_not_of_the_library_it_called() -> None:
    letter = letter_of(computation(), "{", raised_by("{"))
    assert (letter.file, letter.line) == (__file__, LINE + 1)
    assert letter.error.startswith("JSONDecodeError: Expecting property name")
    assert letter.record == "'{'"


def test_an_error_without_a_frame_in_the_application_is_placed_at_the_computation() -> None:
    assert letter_of(computation(), 1, ValueError("x")).line == LINE


class Unshown(Exception):  # noqa: N818
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_records_and_errors_that_cannot_be_shown_are_still_described() -> None:
    letter = letter_of(computation(), Unshown(), Unshown())
    assert letter.record == "<Unshown whose repr raised RuntimeError>"
    assert letter.error == "Unshown: (its message cannot be shown)"


def test_a_long_record_is_cut_at_a_thousand_characters() -> None:
    assert letter_of(computation(), "x" * 998, ValueError()).record == repr("x" * 998)
    assert letter_of(computation(), "x" * 999, ValueError()).record == "'" + "x" * 999 + "…"


@pytest.mark.parametrize("policy", [ErrorPolicy.SKIP, ErrorPolicy.DEAD_LETTER])
def test_a_policy_that_goes_on_adds_the_failure(policy: ErrorPolicy) -> None:
    failures: list[Failure] = []
    error = raised_by("{")
    fail(computation(policy), "{", error, failures=failures)
    assert failures == [Failure(policy, letter_of(computation(), "{", error))]


def test_stop_raises_with_name_place_error_and_record() -> None:
    failures: list[Failure] = []
    error = raised_by("{")
    with pytest.raises(ComputationFailed) as caught:
        fail(computation(), "{", error, failures=failures)
    assert failures == []
    assert caught.value.__cause__ is error
    assert caught.value.exit_code == 65
    for part in ("'parse'", f"{__file__}:{LINE + 1}", "JSONDecodeError", "record: '{'"):
        assert part in caught.value.message


# ---- whatever user code raises fails its record, wherever the engine calls it --------------------


class Own(BaseException):
    pass


RAISED = [
    StopIteration,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
    Own,
]


class Number:
    """A value whose attribute, comparison and sum raise for the number 2."""

    raises: type[BaseException] = ValueError

    def __init__(self, number: int) -> None:
        self.number = number

    def _check(self) -> None:
        if self.number == 2:
            raise self.raises

    @property
    def user(self) -> str:
        self._check()
        return "u"

    def __lt__(self, other: "Number") -> bool:
        self._check()
        return self.number < other.number

    def __repr__(self) -> str:
        return f"<{self.number}>"


def called(number: Number) -> Any:
    number._check()
    return number


def keyed(number: Number) -> str:
    number._check()
    return "u"


def several(number: Number) -> Iterator[Number]:
    number._check()
    yield number


async def awaited(number: Number) -> Number:
    number._check()
    return number


def with_state(number: Number, _state: list[int]) -> Number:
    number._check()
    return number


def stream() -> w.Stream:
    return w.source("in", w.ListSource([]))


def skipped(function: Any, **options: Any) -> Any:
    return w.computation(**options, on_error="skip")(function)


def state_of(function: Any) -> Any:
    return w.state_computation(state=list, on_error="skip")(function)


STREAMS = {
    "map": lambda s: s.map(called, on_error="skip"),
    "filter": lambda s: s.filter(called, on_error="skip"),
    "inspect": lambda s: s.inspect(called, on_error="skip"),
    "flat_map": lambda s: s.flat_map(several, on_error="skip"),
    "async": lambda s: s.to(skipped(awaited)),
    "blocking": lambda s: s.to(skipped(called, blocking=True)),
    "key": lambda s: s.key_by(keyed, on_error="skip"),
    "selected key": lambda s: s.key_by(lambda r: r.user, on_error="skip"),
    "state": lambda s: s.key_by(lambda _: "u").to(state_of(with_state)),
    "one state": lambda s: s.collect().to(state_of(with_state)),
    "selected value": lambda s: s.key_by(lambda r: r.number).aggregate(
        w.max(of=lambda r: r.user), into=lambda key, _: Number(key), on_error="skip"
    ),
    "compared": lambda s: s.key_by(lambda r: r.number).aggregate(
        w.min(), w.count(), into=lambda key, *_: Number(key), on_error="skip"
    ),
    "made": lambda s: s.key_by(lambda r: r.number).aggregate(
        w.count(), into=lambda key, _: called(Number(key)), on_error="skip"
    ),
}


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("where", STREAMS)
def test_whatever_is_raised_fails_its_record_and_no_other(
    where: str, raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Number, "raises", raised)
    app = w.application("a", STREAMS[where](stream()).to_sink(w.StdoutSink(), name="out"))
    out = testing.run(app, {"in": [Number(n) for n in range(5)]})["out"]
    assert [each.number for each in out] == [0, 1, 3, 4]


@pytest.mark.parametrize("raised", RAISED)
def test_it_is_named_with_line_and_record(
    raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Number, "raises", raised)
    app = w.application("a", stream().map(called).to_sink(w.StdoutSink()))
    with pytest.raises(ComputationFailed, match="'called' failed") as caught:
        testing.run(app, {"in": [Number(2)]})
    line = inspect.getsourcelines(Number._check)[1] + 2
    assert f"{__file__}:{line}: {raised.__name__}\n  record: <2>" in caught.value.message


def test_one_state_that_cannot_be_made_is_named() -> None:
    def make() -> list[int]:
        raise Own("no room")

    keeping = w.state_computation(state=make, name="keeping")(with_state)
    app = w.application("a", stream().collect().to(keeping).to_sink(w.StdoutSink()))
    with pytest.raises(w.ApplicationError, match=r"state of computation 'keeping' .*Own: no room"):
        testing.run(app, {"in": []})


def test_an_interrupt_by_a_signal_is_not_the_records_failure(
    request: pytest.FixtureRequest,
) -> None:
    # Whoever has started the tests in the background may have had it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    def interrupted(record: int) -> int:
        signal.raise_signal(signal.SIGINT)
        return record

    app = w.application("a", stream().map(interrupted, on_error="skip").to_sink(w.StdoutSink()))
    with pytest.raises(KeyboardInterrupt):
        testing.run(app, {"in": [1]})


async def test_a_cancellation_by_trio_is_not_the_records_failure() -> None:
    def asked() -> None:
        trio.from_thread.check_cancelled()

    @w.computation(blocking=True, on_error="skip")
    def in_thread(record: trio.CancelScope) -> None:
        trio.from_thread.run_sync(record.cancel)
        asked()

    @w.computation(on_error="skip")
    async def awaiting(record: trio.CancelScope) -> None:
        record.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)

    for computation in (in_thread, awaiting):
        app = w.application("a", stream().to(computation).to_sink(w.StdoutSink()))
        with trio.CancelScope() as scope:
            await testing.run_async(app, {"in": [scope]})
        assert scope.cancelled_caught


def test_a_coroutine_for_asyncio_is_told_of_trio() -> None:
    with pytest.raises(RuntimeError) as raised:
        asyncio.get_running_loop()
    assert "coroutines run under Trio, not asyncio: use trio.sleep" in text_of(raised.value)
    assert "Trio" not in text_of(RuntimeError("another"))


def refused_thread() -> Exception:
    """What Python raises where the system gives it no more threads."""
    code = "import resource, threading\nresource.setrlimit(resource.RLIMIT_NPROC, (0, 0))\n"
    code += "import os; os.setuid(65534)\ntry: threading.Thread(target=int).start()\n"
    code += "except RuntimeError as error: print(error)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        pytest.skip("needs to be another user for a moment")
    return RuntimeError(done.stdout.strip())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(28, "No space left on device"), CannotCreateError),
        (MemoryError(), CannotCreateError),
        (refused_thread, CannotCreateError),
        (RuntimeError("it is broken"), ApplicationError),
        (ValueError("it is broken"), ApplicationError),
    ],
)
def test_what_the_system_refuses_is_the_trouble_of_one_worker_and_not_of_the_job(
    error: Any, kind: type[WallaroodError]
) -> None:
    raised = error() if callable(error) else error
    with pytest.raises(kind, match="sink 'out' failed"), Naming("sink", "out"):
        raise raised
