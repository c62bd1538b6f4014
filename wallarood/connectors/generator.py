"""A source that makes its records: a count, a rate, a function."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, overload

import attrs
import trio

from wallarood.app.connector import Scope, SourceBatch, SourceContext, SourceLimits
from wallarood.app.hints import function_hints
from wallarood.app.mistakes import place_of
from wallarood.flow.failures import letter_of, pass_on
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import Computation, FunctionShape, Where

T = TypeVar("T")


@attrs.frozen(init=False)
class GeneratorSource(Generic[T]):
    """Record number i is ``function(i)``, or i itself.

    `count` is how many in all (default: without end), `rate` how many a second in all (default: as
    fast as they are taken), `partitions` into how many independent parts they are dealt: part p has
    the numbers p, p + partitions, …

    Guarantee: a part that is read again from a position gives the same records, if *function* does.

    >>> import wallarood as w
    >>> squares = w.source("squares", w.GeneratorSource(lambda i: i * i, count=10))
    """

    function: Callable[[int], T] | None
    rate: float | None
    count: int | None
    parts: int
    record: Any
    scope: Scope = Scope.SHARED

    @overload
    def __init__(
        self: "GeneratorSource[int]",
        function: None = None,
        *,
        rate: float | None = None,
        count: int | None = None,
        partitions: int = 1,
    ) -> None: ...
    @overload
    def __init__(
        self,
        function: Callable[[int], T],
        *,
        rate: float | None = None,
        count: int | None = None,
        partitions: int = 1,
    ) -> None: ...
    def __init__(
        self,
        function: Callable[[int], Any] | None = None,
        *,
        rate: float | None = None,
        count: int | None = None,
        partitions: int = 1,
    ) -> None:
        if rate is not None and rate <= 0:
            raise ApplicationError(f"GeneratorSource: rate={rate}: expected more than 0 a second")
        if count is not None and count < 0:
            raise ApplicationError(f"GeneratorSource: count={count}: expected 0 or more")
        if partitions < 1:
            raise ApplicationError(f"GeneratorSource: partitions={partitions}: expected 1 or more")
        record = int if function is None else function_hints(function)[1]
        self.__attrs_init__(function, rate, count, partitions, record)

    @property
    def bounded(self) -> bool:
        """Whether there is a `count`."""
        return self.count is not None

    def partitions(self) -> Sequence[str]:
        """See `Source.partitions`."""
        return tuple(str(part) for part in range(self.parts))

    def size_bytes(self, partition: str) -> int | None:  # noqa: ARG002
        """See `Source.size_bytes`."""
        return None

    async def open(self, partition: str, position: Any, context: SourceContext) -> "_Generated[T]":
        """See `Source.open`. A position is the number of the next record."""
        start = int(partition) if position is None else position
        return _Generated(self, context.step, start, context.limits, trio.current_time())


@attrs.define
class _Generated(Generic[T]):
    source: "GeneratorSource[T]"
    step: str
    next_number: int
    limits: SourceLimits
    began: float
    made: int = 0

    async def read(self) -> SourceBatch[T] | None:
        source = self.source
        step = source.parts
        end = source.count
        if end is not None and self.next_number >= end:
            return None
        due = self.limits.batch_records_max
        if source.rate is not None:
            due = min(due, await self._due(source.rate / step))
        stop = self.next_number + due * step
        numbers = range(self.next_number, stop if end is None else min(stop, end), step)
        records: list[Any] = list(numbers)
        if source.function is not None:
            records = _made(source.function, records, self.step)
        self.made += len(numbers)
        self.next_number += len(numbers) * step
        return SourceBatch(records, self.next_number)

    async def _due(self, rate: float) -> int:
        """Wait until a record is due; how many are. A source that was held up catches up."""
        await trio.sleep_until(self.began + self.made / rate)
        return max(1, int((trio.current_time() - self.began) * rate) - self.made + 1)

    async def committed(self, position: Any) -> None:  # noqa: ARG002
        return

    async def aclose(self) -> None:
        return


def _made(function: Callable[[int], Any], numbers: list[int], step: str) -> list[Any]:
    """What *function* makes of *numbers*.

    Raises ApplicationError: it raised; the message names the source, the line and the number.
    """
    records: list[Any] = []
    try:
        records.extend(map(function, numbers))
        if len(records) < len(numbers):
            raise StopIteration  # it ended the loop, which is in C
    except BaseException as error:
        pass_on(error)
        number, where = numbers[len(records)], place_of(function)
        making = Computation(step, function, FunctionShape.ONE, where or Where("", 0))
        letter = letter_of(making, number, error)
        place = f" at {letter.file}:{letter.line}" if where else ""
        raise ApplicationError(
            f"source {step!r} failed{place}: {letter.error}\n  record number: {number}"
        ) from error
    return records
