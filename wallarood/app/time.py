"""Event time: when records happened, and how far time has come."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

import attrs

from wallarood.app.functions.declared import Declared, OnError
from wallarood.app.functions.declaring import declare, policy_of
from wallarood.app.hints import function_hints
from wallarood.app.mistakes import mistake
from wallarood.app.spans import Span, span_us
from wallarood.app.streams.nodes import Node
from wallarood.model.pipeline import ExecutionMode, FunctionShape
from wallarood.model.time import StampsFrom, TimeSettings, WhenAllIdle

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}


@attrs.frozen(eq=False)
class Time(Generic[T_contra]):
    """How records of type T get their stamps; made by `event_time` and `ingest_time`.

    >>> import wallarood as w
    >>> isinstance(w.ingest_time(), w.Time)
    True
    """

    declared: Declared[..., Any]
    settings: TimeSettings


def event_time(
    of: Callable[[T], datetime | int | float] | None = None,
    *,
    unit: Literal["s", "ms", "us"] | None = None,
    out_of_order: Span = "5s",
    idle: Span | None = "1min",
    when_all_idle: Literal["advance", "hold"] = "advance",
    future: Span = "1h",
    drift: Span | None = None,
    ordered: bool = False,
    on_error: OnError = "stop",
) -> Time[T]:
    """The time at which a record happened, as the record itself says.

    *of* returns a datetime with a time zone, or an int or float of *unit* since 1970 UTC. Without
    it the stamps are those that the source has (Kafka, NATS). A record may come up to
    *out_of_order* (default 5 s) behind those of its source partition and is never late then. What
    has no stamp, or one more than *future* (default 1 h) ahead of the clock, is left to *on_error*,
    as in `computation`, and does not move the watermark.

    A partition that has had nothing to read for *idle* (default 1 min; None: never) holds nobody
    up; when all are idle the watermark goes on by the time that passes, or stays where it is with
    ``when_all_idle="hold"``. A partition that is more than *drift* ahead of the slowest waits for
    it (default None: it does not). *ordered*: partitions follow each other in time, in the order of
    their names, as the files of a log do. wallarood-time(7) explains it all.

    Raises PipelineError: an argument is wrong, or *of* awaits.

    >>> import wallarood as w
    >>> by_clock = w.event_time(lambda reading: reading["at"], unit="ms", out_of_order="30s")
    """
    if unit is not None and unit not in _UNITS:
        raise mistake(f"event_time: unit={unit!r:.100}: expected 's', 'ms' or 'us'")
    if when_all_idle not in ("advance", "hold"):
        raise mistake(
            f"event_time: when_all_idle={when_all_idle!r:.100}: expected 'advance' or 'hold'"
        )
    if not isinstance(ordered, bool):
        raise mistake(f"event_time: ordered={ordered!r:.100}: expected True or False")
    settings = TimeSettings(
        StampsFrom.SOURCE if of is None else StampsFrom.FUNCTION,
        _UNITS[unit] if unit is not None else None,
        span_us(out_of_order, "event_time: out_of_order", least=0),
        None if idle is None else span_us(idle, "event_time: idle"),
        WhenAllIdle(when_all_idle),
        span_us(future, "event_time: future", least=0),
        None if drift is None else span_us(drift, "event_time: drift"),
        ordered,
    )
    policy_of(on_error)
    declared = declare(_nothing if of is None else of, FunctionShape.STAMP, on_error=on_error)
    if declared.execution is not ExecutionMode.INLINE:
        raise mistake("event_time: expected a function that neither awaits nor blocks")
    if of is not None and unit is None and function_hints(of)[1] in (int, float):
        raise mistake("event_time: the function returns a number: set unit= to 's', 'ms' or 'us'")
    return Time(declared, settings)


def ingest_time() -> Time[object]:
    """The time at which a record was read, by the clock of the worker; it never goes back.

    What is read again after a crash gets other stamps than before.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"]), time=w.ingest_time())
    """
    return Time(
        declare(_nothing, FunctionShape.STAMP), TimeSettings(StampsFrom.CLOCK, out_of_order=0)
    )


def _nothing(record: Any) -> Any:
    """Stands where no function of the application gives stamps."""
    return record


def check_time(source: str, time: Any, node: Node) -> Time[Any]:
    """*time*, for what leaves *node*. Raises PipelineError: it is no time, or has no stamps."""
    if not isinstance(time, Time):
        raise mistake(
            f"source {source!r}: time={time!r:.100}: expected w.event_time(…) or w.ingest_time()"
        )
    first = node
    while first.inputs:
        first = first.inputs[0][0]
    if time.settings.stamps is StampsFrom.SOURCE and not getattr(first.connector, "stamped", False):
        raise mistake(
            f"source {source!r}: a {type(first.connector).__name__} has no stamps of its own: give "
            "event_time a function of the record"
        )
    return time
