"""Beginning a pipeline: `source`, and `merge` of several streams into one."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

import attrs

from wallarood.app.connector import Source
from wallarood.app.functions.declared import LISTS, Declared, Many, One
from wallarood.app.functions.declaring import declare
from wallarood.app.hints import can_flow, function_hints, show
from wallarood.app.mistakes import check_name, mistake, place_of_caller
from wallarood.app.streams import collected  # noqa: F401 - so that `collect` finds its class
from wallarood.app.streams.classes import merge_all
from wallarood.app.streams.keyed import KeyedStream
from wallarood.app.streams.nodes import Node, connect
from wallarood.app.streams.outlet import Outlet
from wallarood.app.streams.stream import Stream
from wallarood.app.time import Time, check_time
from wallarood.model.pipeline import ExecutionMode, FunctionShape, StepKind, time_name

K = TypeVar("K")
R = TypeVar("R")
T = TypeVar("T")


@overload
def source(name: str, source: Source[T], *, time: Time[T] | None = None) -> Stream[T]: ...
@overload
def source(
    name: str,
    source: Source[R],
    *,
    parse: Declared[[R], list[T], Many],
    time: Time[T] | None = None,
) -> Stream[T]: ...
@overload
def source(
    name: str,
    source: Source[R],
    *,
    parse: Declared[[R], T | None, One],
    time: Time[T] | None = None,
) -> Stream[T]: ...
@overload
def source(
    name: str, source: Source[R], *, parse: Callable[[R], T | None], time: Time[T] | None = None
) -> Stream[T]: ...
def source(name: str, source: Any, *, parse: Any = None, time: Any = None) -> Any:
    """Begin a stream called *name* with the records of *source*.

    *parse* turns what the source reads into records: a function, or a `computation` or
    `computation_multi` with its `on_error`. It runs where the source is read, and so does *time*,
    which gives each record the time at which it happened: `event_time` or `ingest_time`. Windows,
    joins and timers need it.

    Raises PipelineError: it is not a source, *name* cannot be a name, *parse* awaits or blocks, or
    *time* does not fit the records.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.ListSource(["to be", "or not"]))
    >>> def reading(line: str) -> tuple[str, float]:
    ...     name, at = line.split()
    ...     return name, float(at)
    >>> readings = w.source(
    ...     "readings",
    ...     w.ListSource(["a 0.5", "b 2"], record=str),
    ...     parse=reading,
    ...     time=w.event_time(lambda reading: reading[1], unit="s"),
    ... )
    """
    check_name("source", name)
    if isinstance(source, type) or not callable(getattr(source, "partitions", None)):
        raise mistake(
            f"source {name!r}: expected a source such as w.FileSource(…), found {source!r:.100}"
        )
    node = Node(
        StepKind.SOURCE,
        place_of_caller(),
        [],
        given_name=name,
        connector=source,
        record=source.record,
    )
    outlet = Outlet(node)
    if parse is not None:
        outlet = outlet.through(_parsing(name, parse), "parse", name="", on_error=None)
    if time is not None:
        outlet = _stamped(name, outlet, time)
    return Stream(outlet)


def _parsing(name: str, parse: Any) -> Declared[..., Any]:
    """*parse* as a computation. Raises PipelineError: it is more than a function of a record."""
    declared = parse if isinstance(parse, Declared) else declare(parse, FunctionShape.ONE)
    if declared.state is not None or declared.shape in LISTS:
        raise mistake(
            f"source {name!r}: parse= takes one record and keeps nothing: put {declared.name} "
            "after the source with .to(…)"
        )
    if declared.execution is not ExecutionMode.INLINE:
        raise mistake(
            f"source {name!r}: parse={declared.name or 'f'} awaits or blocks: put it after the "
            "source with .to(…)"
        )
    return declared


def _stamped(name: str, outlet: Outlet, time: Any) -> Outlet:
    """Give the records their stamps. Raises PipelineError: *time* does not fit them."""
    checked = check_time(name, time, outlet.node)
    before, _ = function_hints(checked.declared.function)
    if not can_flow(outlet.node.record, before):
        raise mistake(
            f"source {name!r}: event_time expects {show(before)}, but the records are "
            f"{show(outlet.node.record)}"
        )
    declared = attrs.evolve(checked.declared, name="", spec=checked.settings)
    node = outlet.step(StepKind.STAMP, declared, before, name="", on_error=None)
    node.wanted_name, node.stamped = time_name(name), True
    return Outlet(connect(node))


@overload
def merge(*streams: KeyedStream[K, T], name: str = "") -> KeyedStream[K, T]: ...
@overload
def merge(*streams: Stream[T], name: str = "") -> Stream[T]: ...
def merge(*streams: Any, name: str = "") -> Any:
    """Several streams as one, in no order between them. It has keys only if all of them have.

    Raises PipelineError: there are fewer than two, or one is not a stream.

    >>> import wallarood as w
    >>> one, two = (w.source(name, w.ListSource([name])) for name in ("one", "two"))
    >>> both = w.merge(one, two)
    """
    return merge_all(streams, name)
