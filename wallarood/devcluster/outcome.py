"""How a local cluster ended: which worker failed first, and what it said."""

import signal
from collections.abc import Mapping, Sequence

import attrs

from wallarood.model.ids import WorkerName

ERROR_PREFIX = "wallarood: error: "
FOLLOWS_FROM_OTHERS = (69, 76)
TOLD_BY_ANOTHER = "the job failed on "


@attrs.frozen
class Outcome:
    """How it ended: the exit code, and for a failure who failed first and what it said."""

    exit_code: int
    duration_s: float
    worker: WorkerName = ""
    message: str = ""
    interrupted: bool = False


def failure(ended: Mapping[WorkerName, int], tails: Mapping[WorkerName, Sequence[str]]) -> Outcome:
    """The outcome of a cluster whose workers *ended* with these codes; *tails* end their logs.

    `duration_s` is 0: it is not known here.
    """
    failures = [
        (name, code, _message(tails.get(name, ()), code))
        for name, code in ended.items()
        if code != 0
    ]
    if not failures:
        return Outcome(0, 0.0)
    name, code, message = min(failures, key=lambda each: _follows(*each[1:]))
    return Outcome(code if code > 0 else 128 - code, 0.0, name, message)


def _follows(code: int, message: str) -> bool:
    """Whether this failure is likely to be the consequence of another worker's."""
    return message.startswith(TOLD_BY_ANOTHER) or code in FOLLOWS_FROM_OTHERS or code < 0


def _message(tail: Sequence[str], code: int) -> str:
    for index in range(len(tail) - 1, -1, -1):
        if tail[index].startswith(ERROR_PREFIX):
            return "\n".join([tail[index].removeprefix(ERROR_PREFIX), *tail[index + 1 :]])
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return "\n".join(tail[-5:]) or f"exit code {code}"
