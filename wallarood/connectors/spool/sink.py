"""A sink to any server that can change records and a marker in one transaction: exactly once."""

from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from wallarood.app.connector import SinkContext
from wallarood.connectors.spool.blocks import ENDING
from wallarood.connectors.spool.files import check_files, opened_files
from wallarood.connectors.spool.target import Target, writer_name
from wallarood.connectors.spool.writer import SpooledWriter
from wallarood.model.errors import ApplicationError, PeersGoneError, WallaroodError

SPOOL_BYTES_MAX = 1 << 30
CHECKED = "wallarood-check"
"""The name of a writer that only checks whether the server can be used."""


@attrs.frozen
class SpooledSink:
    """Applies records to a server, each once, whichever side dies; a checkpoint at a time.

    *connect* makes the `Target` of a writer from the writer's name, which is the name of
    application, step, worker, instance and cluster, and the same after every restart; it must not
    connect yet. *server* is what messages and status call the server, without any secret. While the
    server is away, records are kept in the state directory; with more than *spool_bytes_max* of
    them (default 1 GiB for each instance), sources pause until it is back.

    Guarantee: what is committed is applied exactly once and in order, if `Target.apply` is one
    transaction. `wallarood.testing.connectors` shows whether it is. wallarood-connectors(7) has
    the rules, and a connector in 60 lines.

    >>> import wallarood as w
    >>> class Server:
    ...     marker, records = w.Marker(), []
    >>> class Target:
    ...     async def marker(self) -> w.Marker:
    ...         return Server.marker
    ...     async def apply(self, records: list, expected: w.Marker, new: w.Marker) -> None:
    ...         if Server.marker != expected:
    ...             raise w.MarkerMovedError(f"it has {Server.marker}")
    ...         Server.records, Server.marker = Server.records + records, new
    >>> sink = w.SpooledSink(lambda writer: Target(), server="a list")
    """

    for_heirs: ClassVar[bool] = True

    connect: Callable[[str], Target]
    server: str = attrs.field(kw_only=True)
    spool_bytes_max: int = attrs.field(default=SPOOL_BYTES_MAX, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.spool_bytes_max < 1:
            raise ApplicationError(
                f"SpooledSink: spool_bytes_max={self.spool_bytes_max}: expected 1 or more"
            )

    async def open(self, context: SinkContext, state: Any) -> SpooledWriter:
        """See `Sink.open`. Connects when there is something to apply.

        Raises CannotCreateError: its directory cannot be made.
        """
        writer = writer_name(context)
        files = await opened_files(context, state, ENDING)
        target = self.connect(writer)
        return SpooledWriter(target, writer, self.server, files, self.spool_bytes_max)

    verify = staticmethod(check_files)

    async def check_connected(self) -> None:
        """Raises WallaroodError: the server cannot be reached or used. Changes nothing there."""
        target = self.connect(CHECKED)
        try:
            await getattr(target, "check", target.marker)()
        except WallaroodError:
            raise
        except Exception as error:
            raise PeersGoneError(f"{self.server}: {error}") from error
        finally:
            if (close := getattr(target, "aclose", None)) is not None:
                await close()
