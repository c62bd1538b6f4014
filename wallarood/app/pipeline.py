"""Beginning a pipeline: `source`, and `merge` of several streams into one."""

from typing import Any, TypeVar, overload

from wallarood.app.connector import Source
from wallarood.app.mistakes import check_name, mistake, place_of_caller
from wallarood.app.streams import collected  # noqa: F401 - so that `collect` finds its class
from wallarood.app.streams.classes import merge_all
from wallarood.app.streams.keyed import KeyedStream
from wallarood.app.streams.nodes import Node
from wallarood.app.streams.outlet import Outlet
from wallarood.app.streams.stream import Stream
from wallarood.model.pipeline import StepKind

K = TypeVar("K")
T = TypeVar("T")


def source(name: str, source: Source[T]) -> Stream[T]:
    """Begin a stream called *name* with the records of *source*.

    Raises PipelineError: it is not a source, or *name* cannot be a name.

    >>> import wallarood as w
    >>> lines = w.source("lines", w.ListSource(["to be", "or not"]))
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
    return Stream(Outlet(node))


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
