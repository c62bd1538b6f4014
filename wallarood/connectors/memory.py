"""A source and a sink on Python lists: for tests and first steps, in one process only."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import attrs

from wallarood.app.connector import Scope, SinkContext, SourceBatch, SourceContext, SourceLimits

T = TypeVar("T")


@attrs.frozen
class ListSource(Generic[T]):
    """The records of a list, once. `record` is their type.

    Guarantee: every record is delivered once in a run; nothing is kept outside the process.
    """

    records: Sequence[T]
    record: Any = Any
    scope: Scope = Scope.SHARED
    bounded: bool = True

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return ("list",)

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(self, partition: str, position: Any, context: SourceContext) -> "_ListReader[T]":  # noqa: ARG002
        """See `Source.open`."""
        return _ListReader(self.records, position or 0, context.limits)


@attrs.define
class _ListReader(Generic[T]):
    records: Sequence[T]
    position: int
    limits: SourceLimits

    async def read(self) -> SourceBatch[T] | None:
        batch = list(self.records[self.position : self.position + self.limits.batch_records_max])
        self.position += len(batch)
        return SourceBatch(batch, self.position) if batch else None

    async def committed(self, position: Any) -> None:  # noqa: ARG002
        return

    async def aclose(self) -> None:
        return


@attrs.frozen
class ListSink:
    """Adds records to a list of the process that the worker runs in, at once.

    Guarantee: none beyond the process; for tests.
    """

    records: list[Any]

    async def open(self, context: SinkContext, state: Any) -> "_ListWriter":  # noqa: ARG002
        """See `Sink.open`."""
        return _ListWriter(self.records)


@attrs.frozen
class _ListWriter:
    target: list[Any]

    async def write(self, records: list[Any]) -> None:
        self.target.extend(records)

    @property
    def state(self) -> Any:
        return None

    async def prepare(self) -> Any:
        return None

    async def commit(self, prepared: Any) -> None:  # noqa: ARG002
        return

    async def aclose(self) -> None:
        return
