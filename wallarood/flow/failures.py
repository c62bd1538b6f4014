"""What becomes of a record whose computation raised: stopped on, skipped or sent aside.

User code may raise anything: an Exception, SystemExit by ``sys.exit``, KeyboardInterrupt, a
cancellation of asyncio, a BaseException of its own. All of them fail the record. Two are not user
code's, wherever they are raised, and pass: a cancellation by trio, and an interrupt by a signal.
"""

import attrs

from wallarood.model.batch import Batch
from wallarood.model.errors import (
    ApplicationError,
    CannotCreateError,
    LocalProtocolError,
    WallaroodError,
    errors_in,
    first_error,
)
from wallarood.model.pipeline import Computation, DeadLetter, ErrorPolicy, Where

REPR_CHARACTERS_MAX = 1000
_INTERRUPTING = "trio._core."
_CANCELLED = ("trio", "Cancelled")


@attrs.frozen
class Failure:
    """A record that failed or was late, and by which policy it is treated (never STOP).

    `late` says why it came too late, and is empty if it did not. `batch` has the records themselves
    if they go to a stream of late ones.
    """

    policy: ErrorPolicy
    letter: DeadLetter
    late: str = ""
    batch: Batch | None = None


class ComputationFailed(ApplicationError):
    """User code raised and its policy is to stop. `letter` has the particulars."""

    def __init__(self, letter: DeadLetter) -> None:
        super().__init__(
            f"computation {letter.computation!r} failed at {letter.file}:{letter.line}: "
            f"{letter.error}\n  record: {letter.record}"
        )
        self.letter = letter


def unread(
    source: str, policy: ErrorPolicy, error: str, *, raw: bytes, file: str, line: int
) -> Failure:
    """What became of bytes that *source* could not read."""
    return Failure(policy, DeadLetter(source, error, file, line, _repr_of(raw), raw))


def letter_of(computation: Computation, record: object, error: BaseException) -> DeadLetter:
    """Describe the failure; the place is the innermost line of the computation's own file."""
    where = place_in(computation.where, error)
    return DeadLetter(computation.name, text_of(error), where.file, where.line, _repr_of(record))


def place_in(where: Where, error: BaseException) -> Where:
    """The innermost line in the file of *where* that *error* has passed, or else *where*."""
    line, trace = where.line, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == where.file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return Where(where.file, line)


_NO_ASYNCIO = ("no running event loop", "There is no current event loop")


def text_of(error: BaseException) -> str:
    """The type and the message of *error*, whatever its `__str__` does."""
    try:
        text = str(error)
    except BaseException as own:
        pass_on(own)
        text = "(its message cannot be shown)"
    name = type(error).__name__
    if isinstance(error, RuntimeError) and any(each in text for each in _NO_ASYNCIO):
        text += (
            "; coroutines run under Trio, not asyncio: use trio.sleep and libraries for Trio or "
            "AnyIO, or a plain function with blocking=True"
        )
    return f"{name}: {text}" if text else name


def _repr_of(record: object) -> str:
    try:
        text = repr(record)
    except BaseException as error:
        pass_on(error)
        text = f"<{type(record).__name__} whose repr raised {type(error).__name__}>"
    if len(text) > REPR_CHARACTERS_MAX:
        text = text[:REPR_CHARACTERS_MAX] + "…"
    return text


def pass_on(error: BaseException) -> None:
    """Raise *error* again if it is not user code's own but ends what runs here."""
    if not isinstance(error, Exception) and _ends_us(error):
        raise error


def _ends_us(error: BaseException) -> bool:
    return any(map(_one_ends_us, errors_in(error)))


def _one_ends_us(error: BaseException) -> bool:
    kind, trace = type(error), error.__traceback__
    if kind is KeyboardInterrupt:
        # Raised by a handler of trio, as Ctrl-C does in a test, or by user code?
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        module = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
        return module.startswith(_INTERRUPTING)
    return (kind.__module__, kind.__qualname__) == _CANCELLED


@attrs.frozen
class Naming:
    """A context in which a connector is called: whatever it raises gets the name of its step.

    `what` is "source" or "sink". Errors of ours, which have their words, pass as they are.
    """

    what: str
    step: str

    def __enter__(self) -> None:
        """There is nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raises ApplicationError in the place of what is not ours."""
        if error is None or (not isinstance(error, Exception) and _ends_us(error)):
            return
        error = first_error(error)
        if isinstance(error, WallaroodError | LocalProtocolError):
            return
        called = f"{self.what} {self.step!r}"
        if is_of_host(error):
            raise host_failed(called, error) from error
        raise ApplicationError(f"{called} failed{place_of(error)}: {text_of(error)}") from error


def place_of(error: BaseException) -> str:
    """Where *error* was raised, for a message; empty if unknown."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def is_of_host(error: BaseException) -> bool:
    """Whether the operating system has refused something: a file, memory, a thread."""
    if isinstance(error, RuntimeError):
        return str(error) == "can't start new thread"
    return isinstance(error, OSError | MemoryError)


def host_failed(what: str, error: BaseException) -> CannotCreateError:
    """What the operating system refuses is the trouble of this host, not of the application."""
    return CannotCreateError(f"{what} failed{place_of(error)}: {text_of(error)}")


def fail(
    computation: Computation, record: object, error: BaseException, *, failures: list[Failure]
) -> None:
    """Apply the policy of *computation*: add to *failures*, or raise ComputationFailed.

    Raises *error* itself if it is not user code's, see `pass_on`.
    """
    pass_on(error)
    letter = letter_of(computation, record, error)
    if computation.on_error is ErrorPolicy.STOP:
        raise ComputationFailed(letter) from error
    failures.append(Failure(computation.on_error, letter))


def shown_time(stamp: int) -> str:
    """*stamp* in seconds since 1970, as in ``1735689600.25 s``."""
    seconds, rest = divmod(abs(stamp), 1_000_000)
    fraction = f"{rest:06}".rstrip("0")
    return f"{'-' if stamp < 0 else ''}{seconds}{'.' if fraction else ''}{fraction} s"


def late(
    computation: Computation,
    policy: ErrorPolicy,
    record: object,
    *,
    key: object,
    stamp: int,
    watermark: int,
    windows: str,
    cause: str,
    failures: list[Failure],
) -> None:
    """A record came too late for *windows*, of which the last closed at *watermark* or before.

    *cause* says in a word or two why. Raises ComputationFailed: *policy* is STOP.
    """
    letter = DeadLetter(
        computation.name,
        f"late: stamp {shown_time(stamp)}, {shown_time(watermark - stamp)} behind the watermark "
        f"{shown_time(watermark)}; {windows} closed before ({cause})",
        computation.where.file,
        computation.where.line,
        _repr_of(record),
        key=_repr_of(key),
        stamp=stamp,
    )
    if policy is ErrorPolicy.STOP:
        raise ComputationFailed(letter)
    failures.append(Failure(policy, letter, cause))


def late_stream(
    computation: Computation, batch: Batch, cause: str, *, failures: list[Failure]
) -> None:
    """All records of *batch* came too late, and go to the stream of late ones of the step."""
    where = computation.where
    letter = DeadLetter(computation.name, f"late: {cause}", where.file, where.line, "")
    failures.append(Failure(ErrorPolicy.STREAM, letter, cause, batch))
