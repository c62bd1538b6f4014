"""Streams whose records all pass one worker, where one state may be kept for them all.

What this class adds is known to type checkers: at run time every method is that of `Stream`.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from wallarood.app.functions.declared import Declared, Lists, Many, One, Rows
from wallarood.app.streams.options import Branch, StepOptions
from wallarood.app.streams.stream import Stream
from wallarood.model.pipeline import StepKind

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class CollectedStream(Stream[T_co], kind=StepKind.STATEFUL):
    """A stream whose records of type T all pass one worker; made by `Stream.collect`.

    >>> import wallarood as w
    >>> words = w.source("words", w.ListSource(["to", "be"]))
    >>> isinstance(words.collect(), w.CollectedStream)
    True
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @overload
        def to(
            self, computation: Declared[[T_co, Any], U | None, One], **options: Unpack[StepOptions]
        ) -> "Stream[U]": ...
        @overload
        def to(
            self,
            computation: Declared[[T_co, Any], Iterable[U], Many],
            **options: Unpack[StepOptions],
        ) -> "Stream[U]": ...
        @overload
        def to(
            self,
            computation: Declared[[list[T_co], Any], Iterable[U], Lists],
            **options: Unpack[StepOptions],
        ) -> "Stream[U]": ...
        @overload
        def to(
            self,
            computation: Declared[[T_co], Awaitable[U | None], One],
            **options: Unpack[StepOptions],
        ) -> "CollectedStream[U]": ...
        @overload
        def to(
            self,
            computation: Declared[[T_co], U | None, One],
            **options: Unpack[StepOptions],
        ) -> "CollectedStream[U]": ...
        @overload
        def to(
            self,
            computation: Declared[[T_co], Iterable[U] | Awaitable[Iterable[U]], Many],
            **options: Unpack[StepOptions],
        ) -> "CollectedStream[U]": ...
        @overload
        def to(
            self,
            computation: Declared[[list[T_co]], Iterable[U], Lists],
            **options: Unpack[StepOptions],
        ) -> "CollectedStream[U]": ...
        @overload
        def to(
            self, computation: Declared[..., Any, Rows], **options: Unpack[StepOptions]
        ) -> "CollectedStream[dict[str, Any]]": ...
        @overload
        def to(
            self, computation: Callable[[T_co], Awaitable[U | None]], **options: Unpack[StepOptions]
        ) -> "CollectedStream[U]": ...
        @overload
        def to(
            self, computation: Callable[[T_co], U | None], **options: Unpack[StepOptions]
        ) -> "CollectedStream[U]": ...
        def to(self, computation: Any, **options: Any) -> Any: ...

        @overload
        def map(
            self, function: Callable[[T_co], Awaitable[U | None]], **options: Unpack[StepOptions]
        ) -> "CollectedStream[U]": ...
        @overload
        def map(
            self, function: Callable[[T_co], U | None], **options: Unpack[StepOptions]
        ) -> "CollectedStream[U]": ...
        def map(self, function: Any, **options: Any) -> Any: ...

        def filter(
            self, function: Callable[[T_co], Any], **options: Unpack[StepOptions]
        ) -> "CollectedStream[T_co]": ...
        def flat_map(
            self,
            function: Callable[[T_co], Iterable[U] | Awaitable[Iterable[U]]],
            **options: Unpack[StepOptions],
        ) -> "CollectedStream[U]": ...
        def inspect(
            self, function: Callable[[T_co], Any], **options: Unpack[StepOptions]
        ) -> "CollectedStream[T_co]": ...
        def branch(
            self, predicate: Callable[[T_co], Any], **options: Unpack[StepOptions]
        ) -> "Branch[CollectedStream[T_co]]": ...
