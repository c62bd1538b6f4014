"""What becomes of a record whose computation raised: stopped on, skipped or sent aside."""

import attrs

from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import Computation, DeadLetter, ErrorPolicy

REPR_CHARACTERS_MAX = 1000


@attrs.frozen
class Failure:
    """A record that was given up, and by which policy (never STOP)."""

    policy: ErrorPolicy
    letter: DeadLetter


class ComputationFailed(ApplicationError):
    """User code raised and its policy is to stop. `letter` has the particulars."""

    def __init__(self, letter: DeadLetter) -> None:
        super().__init__(
            f"computation {letter.computation!r} failed at {letter.file}:{letter.line}: "
            f"{letter.error}\n  record: {letter.record}"
        )
        self.letter = letter


def letter_of(computation: Computation, record: object, error: BaseException) -> DeadLetter:
    """Describe the failure; the place is the innermost line of the computation's own file."""
    line = computation.where.line
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == computation.where.file:
            line = trace.tb_lineno
        trace = trace.tb_next
    where = computation.where.file
    return DeadLetter(computation.name, _text_of(error), where, line, _repr_of(record))


def _text_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be shown)"
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _repr_of(record: object) -> str:
    try:
        text = repr(record)
    except Exception as error:
        text = f"<{type(record).__name__} whose repr raised {type(error).__name__}>"
    if len(text) > REPR_CHARACTERS_MAX:
        text = text[:REPR_CHARACTERS_MAX] + "…"
    return text


def fail(
    computation: Computation, record: object, error: Exception, *, failures: list[Failure]
) -> None:
    """Apply the policy of *computation*: add to *failures*, or raise ComputationFailed."""
    letter = letter_of(computation, record, error)
    if computation.on_error is ErrorPolicy.STOP:
        raise ComputationFailed(letter) from error
    failures.append(Failure(computation.on_error, letter))
