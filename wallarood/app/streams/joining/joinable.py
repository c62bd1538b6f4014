"""The methods by which a stream with keys meets another one, or a table."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, Unpack, overload

from wallarood.app.forever import Forever
from wallarood.app.functions.declared import OnError
from wallarood.app.spans import Span
from wallarood.app.streams.classes import stream_at
from wallarood.app.streams.joining.joins import (
    JoinOptions,
    Table,
    enriched,
    joined,
    joined_asof,
    joined_window,
    table_of,
)
from wallarood.model.timing.windows import Windowed, Windows

if TYPE_CHECKING:
    from wallarood.app.streams.keyed import KeyedStream

K = TypeVar("K")
K_co = TypeVar("K_co", covariant=True)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class Joinable(Generic[K_co, T_co]):
    """What `KeyedStream` has of joins; the streams that meet have keys of one type."""

    __slots__ = ()

    _at: Any

    @overload
    def join(
        self,
        other: "KeyedStream[Any, U]",
        *,
        within: tuple[Span, Span],
        how: Literal["inner"] = "inner",
        grace: Span = "0s",
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> "KeyedStream[K_co, tuple[T_co, U]]": ...
    @overload
    def join(
        self,
        other: "KeyedStream[Any, U]",
        *,
        within: tuple[Span, Span],
        how: Literal["left"],
        grace: Span = "0s",
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> "KeyedStream[K_co, tuple[T_co, U | None]]": ...
    @overload
    def join(
        self,
        other: "KeyedStream[Any, U]",
        *,
        within: tuple[Span, Span],
        how: Literal["right"],
        grace: Span = "0s",
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> "KeyedStream[K_co, tuple[T_co | None, U]]": ...
    @overload
    def join(
        self,
        other: "KeyedStream[Any, U]",
        *,
        within: tuple[Span, Span],
        how: Literal["outer"],
        grace: Span = "0s",
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> "KeyedStream[K_co, tuple[T_co | None, U | None]]": ...
    def join(
        self,
        other: Any,
        *,
        within: tuple[Span, Span],
        how: Any = "inner",
        grace: Span = "0s",
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> Any:
        """Pair the records of this stream and of *other* that have a key and are near in time.

        A pair (ours, theirs) is emitted when ours + within[0] ≤ theirs ≤ ours + within[1], by their
        times, and has the later of both. With *how* "left", "right" or "outer" a record of ours, of
        theirs or of either that meets nobody is emitted once with None, when the watermark has
        passed all that it could meet and *grace*. A record that could meet nobody any more is late:
        "skip" (default; counted and logged), "stop", or a `dead_letter`. *name* (default "join") is
        that of the state, *partitions* as for `state_computation`.

        >>> import wallarood as w
        >>> time = w.event_time(lambda record: record[1], unit="s")
        >>> record = tuple[str, float]
        >>> orders = w.source("orders", w.ListSource([("a", 0.0)], record=record), time=time)
        >>> paid = w.source("payments", w.ListSource([("a", 9.0)], record=record), time=time)
        >>> pairs = orders.key_by(lambda each: each[0]).join(
        ...     paid.key_by(lambda each: each[0]), within=("0s", "30min"), how="left"
        ... )
        """
        return stream_at(
            joined(self._at, other, within, how=how, grace=grace, on_late=on_late, **options)
        )

    def join_asof(
        self,
        other: "KeyedStream[Any, U]",
        *,
        within: Span | Forever,
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> "KeyedStream[K_co, tuple[T_co, U | None]]":
        """Pair each record with the last of *other* that is not later, nor older by *within*.

        Of equal times the last that arrived counts. A record is emitted, with its time, once the
        watermark has passed it, and with None if there is nothing for it. A record below the
        watermark is left to *on_late*, as for `join`; one of *other* takes the place of older ones.

        >>> import wallarood as w
        >>> time = w.event_time(lambda record: record[1], unit="s")
        >>> record = tuple[str, float]
        >>> trades = w.source("trades", w.ListSource([("x", 2.0)], record=record), time=time)
        >>> quotes = w.source("quotes", w.ListSource([("x", 1.0)], record=record), time=time)
        >>> priced = trades.key_by(lambda each: each[0]).join_asof(
        ...     quotes.key_by(lambda each: each[0]), within="1min"
        ... )
        """
        return stream_at(  # type: ignore[no-any-return]
            joined_asof(self._at, other, within, on_late=on_late, **options)
        )

    def join_window(
        self,
        other: "KeyedStream[Any, U]",
        windows: Windows,
        *,
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> "KeyedStream[K_co, Windowed[K_co, tuple[list[T_co], list[U]]]]":
        """The records of both streams that a key has in a window, as two lists.

        A result comes when the window has closed, if either stream has a record in it; the lists
        are in the order of arrival. Windows are tumbling, hopping, calendar or session windows. A
        record that comes later is left to *on_late*, as for `join`.
        """
        return stream_at(  # type: ignore[no-any-return]
            joined_window(self._at, other, windows, on_late=on_late, **options)
        )

    @overload
    def enrich(
        self,
        table: "Table[Any, U]",
        *,
        as_of: Literal["latest", "event"] = "latest",
        how: Literal["left"] = "left",
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> "KeyedStream[K_co, tuple[T_co, U | None]]": ...
    @overload
    def enrich(
        self,
        table: "Table[Any, U]",
        *,
        as_of: Literal["latest", "event"] = "latest",
        how: Literal["inner"],
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> "KeyedStream[K_co, tuple[T_co, U]]": ...
    def enrich(
        self,
        table: Any,
        *,
        as_of: Any = "latest",
        how: Any = "left",
        on_late: OnError = "skip",
        **options: Unpack[JoinOptions],
    ) -> Any:
        """Pair each record with the row of *table* that has its key, or with None.

        ``as_of="latest"`` takes the row as it is when the record comes; the stream waits until a
        table whose sources have an end has been read. ``as_of="event"`` waits
        until the watermark has passed the record, and takes the row as it was at its time; a record
        below the watermark is left to *on_late*. With ``how="inner"`` a record without a row is
        dropped.

        >>> import wallarood as w
        >>> row = tuple[str, str]
        >>> orders = w.source("orders", w.ListSource([("a", "book")], record=row))
        >>> people = w.source("people", w.ListSource([("a", "Ada")], record=row))
        >>> named = orders.key_by(lambda order: order[0]).enrich(
        ...     w.table(people.key_by(lambda person: person[0]), ttl=w.forever)
        ... )
        """
        return stream_at(
            enriched(self._at, table, as_of=as_of, how=how, on_late=on_late, **options)
        )


def table(
    stream: "KeyedStream[K, T]",
    *,
    ttl: Span | Forever,
    deleted: Callable[[T], Any] | None = None,
) -> Table[K, T]:
    """The newest record of each key of *stream*, for `KeyedStream.enrich`.

    The record with the highest time counts, of equal times the last that arrived; without times
    that which arrived last. A row is forgotten *ttl* after its record, at most a 64th of *ttl*
    later; `forever` keeps all. A record for which *deleted* is true deletes its row.

    Raises PipelineError: the stream has no keys, or an argument is wrong.

    >>> import wallarood as w
    >>> changes = w.source("people", w.ListSource([("a", "Ada")], record=tuple[str, str]))
    >>> people = w.table(changes.key_by(lambda change: change[0]), ttl="30d")
    """
    return table_of(stream, ttl, deleted)
