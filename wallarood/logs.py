"""Logging: events with fields, readable on a terminal, JSON on request, always to stderr."""

import logging
import sys
from typing import Any

import structlog


def configure_logs(level: str, log_format: str, *, worker: str) -> None:
    """Send all logging to stderr, from *level* on ("debug", "info", "warning", "error").

    *log_format* is "auto" (colours on a terminal), "text" or "json". Every event names *worker*.
    """
    number = getattr(logging, level.upper())
    colours = log_format == "auto" and sys.stderr.isatty()
    renderer: Any = structlog.dev.ConsoleRenderer(
        colors=colours, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _with_worker(worker),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S.%f" if log_format != "json" else "iso"),
    ]
    if log_format == "json":
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, force=True)


def _with_worker(worker: str) -> Any:
    def add(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        event.setdefault("worker", worker)
        return event

    return add
