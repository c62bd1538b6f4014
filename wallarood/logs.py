"""Logging: events with fields, for a terminal, for systemd's journal, or as JSON."""
# To a terminal or a file every event is a line on stderr with its time. In the journal it is an
# entry with a priority and fields, and the time is the journal's. An event that repeats itself word
# for word is said a few times and then counted.

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from wallarood.outlet import Outlet
from wallarood.systemd.journal import Journal, entry, is_journal

REPEATS_MAX = 5
"""How often the same event is said within `REPEATS_S`."""
REPEATS_S = 30.0
KNOWN_MAX = 1000

LEVELS = ("critical", "error", "warning", "info", "debug")
OURS = ("trio_websocket", "wsproto", "asyncio")
"""Libraries that are ours, and of which only warnings matter to an operator."""

_level = logging.INFO
_context: Callable[[], dict[str, str]] = dict

Event = MutableMapping[str, Any]


def configure_logs(level: str, log_format: str, *, worker: str) -> None:
    """Log from *level* on ("debug", "info", "warning", "error"). Every event names *worker*.

    *log_format* is "auto" (the journal if stderr is its, else colours on a terminal), "text" or
    "json".
    """
    set_level(level)
    structlog.configure(
        processors=[
            _leave_out,
            structlog.contextvars.merge_contextvars,
            _with_worker(worker),
            structlog.processors.add_log_level,
            Repeats(),
            *_output(log_format),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=_level, handlers=[_Entries()], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(max(_level, logging.WARNING))


def set_level(level: str) -> None:
    """Log from *level* on, at once."""
    global _level  # noqa: PLW0603 - there is one log in a process
    _level = int(getattr(logging, level.upper()))
    logging.getLogger().setLevel(_level)


def add_context(context: Callable[[], dict[str, str]]) -> None:
    """Let every entry of the journal have the fields that *context* returns at that moment."""
    global _context  # noqa: PLW0603 - as above
    _context = context


def _level_of(number: int) -> str:
    return next((each for each in LEVELS if number >= getattr(logging, each.upper())), "debug")


class _Entries(logging.Handler):
    """What the application logs by Python's `logging` becomes entries like all others."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log *record*; one that cannot be shown costs nothing but itself."""
        try:
            trace = {"exc_info": record.exc_info} if record.exc_info else {}
            say = getattr(structlog.get_logger(), _level_of(record.levelno))
            say(record.getMessage(), logger=record.name, **trace)
        except Exception:
            self.handleError(record)


def _leave_out(_: Any, method: str, event: Event) -> Event:
    if int(getattr(logging, method.upper(), logging.INFO)) < _level:
        raise structlog.DropEvent
    return event


def _output(log_format: str) -> list[Any]:
    if log_format == "json":
        return [
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    if log_format == "auto" and is_journal():
        return [structlog.processors.format_exc_info, _ToJournal(Journal())]
    return [
        structlog.processors.TimeStamper(fmt="%H:%M:%S.%f"),
        structlog.dev.ConsoleRenderer(
            colors=log_format == "auto" and sys.stderr.isatty(),
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,
        ),
    ]


def _with_worker(worker: str) -> Any:
    def add(_: Any, __: str, event: Event) -> Event:
        event.setdefault("worker", worker)
        return event

    return add


class Repeats:
    """Says the same event a few times in a while, then only how often it has come since."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, int]] = {}

    def __call__(self, _: Any, __: str, event: Event) -> Event:
        """Pass *event* on. Raises structlog.DropEvent: it was said often enough."""
        now, text = self._clock(), repr(sorted(event.items(), key=str))
        since, count = self._known.get(text, (now, 0))
        if now - since > REPEATS_S:
            if count > REPEATS_MAX:
                event["repeated"] = count - REPEATS_MAX
            since, count = now, 0
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[text] = (since, count + 1)
        if count >= REPEATS_MAX:
            raise structlog.DropEvent
        return event


class _ToJournal:
    """The last processor: the message is the event and what has no field of its own."""

    OWN = ("worker", "stage", "peer", "round")

    def __init__(self, journal: Journal) -> None:
        self._outlet = Outlet(journal.send, _lost)

    def __call__(self, _: Any, __: str, event: Event) -> str:
        level, message = event.pop("level"), str(event.pop("event"))
        trace = event.pop("exception", "")
        more = " ".join(f"{name}={value}" for name, value in event.items() if name != "worker")
        fields = {
            f"WALLAROOD_{name.upper()}": str(event[name]) for name in self.OWN if name in event
        }
        text = "\n".join(each for each in (f"{message} {more}".strip(), trace) if each)
        self._outlet.put(entry(text, level, {**_context(), **fields}))
        raise structlog.DropEvent


def _lost(count: int) -> bytes:
    return entry(f"{count} log entries were lost: the journal was too slow", "warning", {})
