"""What a connector with an exactly-once sink implements: two coroutines, about one server.

Theory of operation
===================
A server keeps a *marker* for each writer: which of its records it has. Records and marker change in
one transaction of that server, which is refused unless the marker is the one that was expected. So
after a crash, on either side and at any moment, the marker says what is missing; and of two
processes that believe to be the same writer only one gets its records in. Both halves are needed:
reading the marker alone lets such a second process write twice, comparing alone never gets on.
"""

from typing import Any, Protocol

import attrs

from wallarood.app.connector import SinkContext
from wallarood.model.errors import PeersGoneError


@attrs.frozen(order=True)
class Marker:
    """Which records of a writer a server has: up to number `last` of `line`, and all older lines.

    `last` counts records from 1; 0 is before the first. `line` grows when the cluster goes back to
    a checkpoint that an operator has kept, and numbers begin again at 1. A server that has nothing
    of a writer has ``Marker()``, which is below all others.
    """

    line: int = 0
    last: int = 0

    def __str__(self) -> str:
        return f"{self.last:,}" + (f" of line {self.line}" if self.line else "")


class MarkerMovedError(PeersGoneError):
    """What was to be applied was refused, since the marker is not the one that was expected."""


class Target(Protocol):
    """A server, for one writer: what `SpooledSink` applies records to.

    Both coroutines raise what they like when the server is away or refuses: the records are kept,
    and it is tried again, beginning with `marker`. They may be cancelled. One is called at a time.

    A target may have more, which is used if it is there: ``encode(records)``, an ordinary method
    that is called when records come in, and returns for each what is to be kept on disk and given
    to `apply`, so that a record which cannot be sent is found where it is made; ``await aclose()``;
    ``await check()``, which raises a `WallaroodError` if the server cannot be used, and changes
    nothing there: ``wallarood check --connect`` calls it, or `marker` for a writer without records.
    """

    async def marker(self) -> Marker | None:
        """Connect if need be, and return the marker of this writer; ``Marker()`` if it has none.

        None if it cannot be told: then the records of the transaction are applied again.

        Everything that an earlier process of this writer has under way at the server must be ended,
        or waited for: what is read must not change by it any more.
        """

    async def apply(self, records: list[Any], expected: Marker, new: Marker) -> None:
        """Add *records* and put *new* in the place of the marker *expected*, in one transaction.

        It must be durable when this returns. Raises MarkerMovedError: the marker is another one,
        and nothing was changed.
        """


def writer_name(context: SinkContext) -> str:
    """What a sink instance calls itself where it writes: the same after every restart."""
    instance = f"{context.step}@{context.worker}-{context.instance}"
    return f"{context.application}-{instance}-{context.cluster_id[-8:]}"
