"""Steps with two inputs: joins of streams with each other, and with tables."""

from collections.abc import Callable
from types import GenericAlias
from typing import Any, Generic, TypedDict, TypeVar, Union

import attrs

from wallarood.app.forever import Forever, bound_us
from wallarood.app.functions.declared import PARTITIONS, DeadLetterTo, Declared, OnError
from wallarood.app.functions.declaring import check_options, inline
from wallarood.app.hints import can_flow, show
from wallarood.app.mistakes import mistake
from wallarood.app.spans import Span, span_us
from wallarood.app.streams.joining.waits import sources_of
from wallarood.app.streams.nodes import Node, connect, need_time, refuse_corrections
from wallarood.app.streams.outlet import Outlet
from wallarood.model.pipeline import ErrorPolicy, FunctionShape, StepKind
from wallarood.model.timing.computations import DistinctSpec
from wallarood.model.timing.joins import AsOfSpec, EnrichSpec, How, IntervalSpec
from wallarood.model.timing.windows import Gathers, Windowed, WindowKind, Windows, WindowSpec

K_co = TypeVar("K_co", covariant=True)
T_co = TypeVar("T_co", covariant=True)


class JoinOptions(TypedDict, total=False):
    """What every join may be told: the name that its state has, and the slots of its keys.

    With ``corrections=True`` it takes results of windows that may come several times, each as one.
    """

    name: str
    partitions: int
    corrections: bool


@attrs.frozen
class Table(Generic[K_co, T_co]):
    """The newest record of type T for each key of type K; made by `table`, for `enrich`.

    >>> import wallarood as w
    >>> prices = w.source("prices", w.ListSource([("a", 5)], record=tuple[str, int]))
    >>> isinstance(w.table(prices.key_by(lambda price: price[0]), ttl=w.forever), w.Table)
    True
    """

    _at: Outlet
    _ttl: int | None
    _deleted: Callable[[Any], Any] | None


def joined(
    left: Outlet,
    other: Any,
    within: Any,
    *,
    how: Any,
    grace: Any,
    on_late: OnError,
    **options: Any,
) -> Outlet:
    """See `KeyedStream.join`."""
    if not isinstance(within, tuple) or len(within) != 2:
        raise mistake(
            f"join: within={within!r:.100}: expected two spans, from how long before to how long "
            "after the time of a record of this stream, as in ('-5min', '10min')"
        )
    lo, hi = (_signed(each, "join: within") for each in within)
    if lo > hi:
        raise mistake(f"join: within={within!r:.100}: the first is above the second")
    spec = IntervalSpec(
        lo, hi, _how(how), span_us(grace, "join: grace", least=0), late_policy(on_late, "join")
    )
    right = _outlet(other, "join")
    need_time(left.node, "join")
    need_time(right.node, "join: the other stream")
    node = _with_two(left, right, "join", shape=FunctionShape.JOIN, spec=spec, options=options)
    records = [left.node.record, right.node.record]
    if spec.how in (How.RIGHT, How.OUTER):
        records[0] = _or_none(records[0])
    if spec.how in (How.LEFT, How.OUTER):
        records[1] = _or_none(records[1])
    return _finish(node, records, on_late=on_late)


def joined_asof(
    left: Outlet, other: Any, within: Any, *, on_late: OnError, **options: Any
) -> Outlet:
    """See `KeyedStream.join_asof`."""
    spec = AsOfSpec(bound_us(within, "join_asof: within"), late_policy(on_late, "join_asof"))
    right = _outlet(other, "join_asof")
    need_time(left.node, "join_asof")
    need_time(right.node, "join_asof: the other stream")
    node = _with_two(
        left, right, "join_asof", shape=FunctionShape.JOIN_ASOF, spec=spec, options=options
    )
    return _finish(node, [left.node.record, _or_none(right.node.record)], on_late=on_late)


def joined_window(
    left: Outlet, other: Any, windows: Any, *, on_late: OnError, **options: Any
) -> Outlet:
    """See `KeyedStream.join_window`."""
    if not isinstance(windows, Windows):
        raise mistake(
            f"join_window: expected windows such as w.tumbling('1min'), found {windows!r:.100}"
        )
    if windows.kind in (WindowKind.ROLLING, WindowKind.COUNT):
        raise mistake(
            f"join_window: {windows.shown}: a window of both streams has a start and an end in "
            "time: expected tumbling, hopping, calendar or session windows"
        )
    spec = WindowSpec(windows, Gathers.COLLECT, on_late=late_policy(on_late, "join_window"))
    right = _outlet(other, "join_window")
    need_time(left.node, "join_window")
    need_time(right.node, "join_window: the other stream")
    node = _with_two(
        left, right, "join_window", shape=FunctionShape.JOIN_WINDOW, spec=spec, options=options
    )
    assert node.declared is not None
    node.declared = attrs.evolve(node.declared, on_late=on_late)
    lists = [GenericAlias(list, (each.node.record,)) for each in (left, right)]
    pair: Any = GenericAlias(tuple, tuple(lists))
    node.record = Windowed[left.node.key, pair]  # type: ignore[name-defined]
    return Outlet(node)


def enriched(
    left: Outlet, table: Any, *, as_of: Any, how: Any, on_late: OnError, **options: Any
) -> Outlet:
    """See `KeyedStream.enrich`."""
    if not isinstance(table, Table):
        raise mistake(f"enrich: expected a table, found {table!r:.100}: make one by w.table(…)")
    if as_of not in ("latest", "event"):
        raise mistake(f"enrich: as_of={as_of!r:.100}: expected 'latest' or 'event'")
    if how not in ("left", "inner"):
        raise mistake(f"enrich: how={how!r:.100}: expected 'left' or 'inner'")
    right = table._at
    if as_of == "event":
        need_time(left.node, "enrich: as_of='event'")
        need_time(right.node, "enrich: as_of='event': the table")
    elif left.node.stamped is not right.node.stamped:
        without = "table" if left.node.stamped else "stream"
        need_time(right.node if without == "table" else left.node, f"enrich: the {without}, too,")
    _check_sources(left.node, right.node)
    spec = EnrichSpec(
        left.node.stamped,
        table._ttl,
        table._deleted,
        at_event=as_of == "event",
        inner=how == "inner",
        on_late=late_policy(on_late, "enrich"),
    )
    node = _with_two(left, right, "enrich", shape=FunctionShape.ENRICH, spec=spec, options=options)
    row = right.node.record
    return _finish(
        node, [left.node.record, row if how == "inner" else _or_none(row)], on_late=on_late
    )


def table_of(stream: Any, ttl: Span | Forever, deleted: Any) -> Table[Any, Any]:
    """See `table`."""
    outlet = _outlet(stream, "table")
    if deleted is not None and not (callable(deleted) and inline(deleted)):
        raise mistake(f"table: deleted={deleted!r:.100}: expected a function that returns at once")
    return Table(outlet, bound_us(ttl, "table: ttl"), deleted)


def distinct(outlet: Outlet, within: Any, *, on_late: OnError, **options: Any) -> Outlet:
    """See `Stream.distinct`; *outlet* has the keys."""
    spec = DistinctSpec(
        outlet.node.stamped,
        span_us(within, "distinct: within"),
        late_policy(on_late, "distinct"),
    )
    declared = _declared("distinct", FunctionShape.DISTINCT, spec=spec, options=options)
    node = outlet.step(StepKind.PARTITIONED, declared, Any, name="", on_error=None)
    node.given_name = options.get("name") or ""
    node.declared = attrs.evolve(declared, on_late=on_late)
    return Outlet(connect(node))


def late_policy(on_late: Any, what: str) -> ErrorPolicy:
    """The policy that *on_late* asks for. Raises PipelineError: it is none."""
    if isinstance(on_late, DeadLetterTo):
        return ErrorPolicy.DEAD_LETTER
    if isinstance(on_late, str) and on_late in ("stop", "skip"):
        return ErrorPolicy(on_late)
    raise mistake(f"{what}: on_late={on_late!r:.100}: expected 'skip', 'stop' or w.dead_letter(…)")


def _signed(span: Any, what: str) -> int:
    return span_us(span, what, least=-(1 << 62))


def _how(how: Any) -> How:
    kinds = [each.value for each in How]
    if how not in kinds:
        raise mistake(f"join: how={how!r:.100}: expected {', '.join(map(repr, kinds))}")
    return How(how)


def _outlet(stream: Any, what: str) -> Outlet:
    """Where *stream* is. Raises PipelineError: it is no stream with keys."""
    outlet = getattr(stream, "_at", None)
    if not isinstance(outlet, Outlet) or isinstance(stream, Table):
        raise mistake(f"{what}: expected a stream with keys, found {stream!r:.100}")
    if outlet.kind_with_state is not StepKind.PARTITIONED:
        raise mistake(f"{what}: the stream has no key: put .key_by(…) before")
    return outlet


def _pair(*_: Any) -> None:
    """In the place of a function: a join pairs records by itself."""


def _declared(word: str, shape: FunctionShape, *, spec: Any, options: Any) -> Declared[..., Any]:
    declared: Declared[..., Any] = Declared(
        _pair, shape, word, state=tuple, partitions=options.get("partitions", PARTITIONS), spec=spec
    )
    check_options(declared)
    return declared


def _with_two(
    left: Outlet, right: Outlet, word: str, *, shape: FunctionShape, spec: Any, options: Any
) -> Node:
    """A step that takes the records of both."""
    if not can_flow(left.node.key, right.node.key):
        raise mistake(
            f"{word}: the keys of the two are of different types, {show(left.node.key)} and "
            f"{show(right.node.key)}: no record would meet another"
        )
    for outlet in (left, right):
        if not options.get("corrections", False):
            refuse_corrections(outlet.node, word)
    node = left.plain(StepKind.PARTITIONED, word, options.get("name", ""))
    node.declared = _declared(word, shape, spec=spec, options=options)
    node.inputs.append((right.node, right.output))
    return connect(node)


def _finish(node: Node, records: list[Any], *, on_late: OnError) -> Outlet:
    assert node.declared is not None
    node.declared = attrs.evolve(node.declared, on_late=on_late)
    node.record = GenericAlias(tuple, tuple(records))
    return Outlet(node)


def _or_none(record: Any) -> Any:
    return Union[record, None]  # noqa: UP007 - of a value


def _check_sources(stream: Node, table: Node) -> None:
    """Raises PipelineError: one source feeds both, which would wait for each other."""
    both = sources_of(stream) & sources_of(table)
    if both:
        names = ", ".join(sorted(repr(each.given_name) for each in both))
        raise mistake(
            f"enrich: stream and table both come from source {names}: the stream waits until the "
            "table has been read, so it would wait for itself; read the table by a source of its "
            "own"
        )
