"""An open `SpooledSink`: keeps records until they are committed, and until the server has them.

Theory of operation
===================
`prepare` makes what was written durable in a file of the state directory; `commit` applies it to
the server, in chunks, each together with the marker that says so. The marker is read once, before
the first chunk, and again after every failure, whatever it was: then it tells whether the chunk got
in. With the marker M, and a transaction of records up to *last* whose predecessor is *before*:

    M >= last            the server has it: the file is removed
    M < before           the server has lost what was published: stop, and say so
    M > all that is due  the cluster was put back before what it has published: stop, and say so
    else                 apply what comes after M

All that is due is what was prepared before the writer was opened, and what was published since;
what is made while the server is away does not count, or it would hide where the marker is: see
`wallarood.connectors.spool.due`.

A marker of an older line counts as being before all of the line, but not before the record that the
line continues after. The spool is bounded where it may be: see `is_full`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import trio

from wallarood.connectors.spool.blocks import (
    BLOCK_RECORDS_MAX,
    ChunkSize,
    Records,
    after_record,
    chunked,
    packed,
    unpacked,
)
from wallarood.connectors.spool.files import SpoolFiles
from wallarood.connectors.spool.fresh import Fresh
from wallarood.connectors.spool.place import Place, place_of
from wallarood.connectors.spool.target import Marker, MarkerMovedError, Target
from wallarood.model.errors import (
    ConfigurationError,
    DamagedStateError,
    NeverTakenError,
    PeersGoneError,
    WallaroodError,
)

MOVED_MAX = 3
"""How often in a row a marker may turn out to be another one before an attempt has failed."""
REFUSED_MAX = 3
"""How often in a row a server may refuse a writer that begins, before that is an error of the
configuration: a server that is just starting or ending may refuse, too."""


@attrs.define(eq=False)
class SpooledWriter:
    """An open `SpooledSink`. `writer` and `server` are for messages."""

    target: Target
    writer: str
    server: str
    files: SpoolFiles
    spool_bytes_max: int
    fresh: Fresh = attrs.field(factory=Fresh, init=False)
    """What was written by this process, and not applied yet, as far as there is room."""
    _made: Place = attrs.field(init=False)
    """Behind what is prepared."""
    _refused: int = attrs.field(init=False)
    """How often the server has refused it in a row; negative: it has done something else, or may
    have, before."""
    _marker: Marker | None = attrs.field(default=None, init=False)
    """What the server has; None if it has to be asked."""

    @_made.default
    def _made_before(self) -> Place:
        return self.files.place

    @_refused.default
    def _may_be_wrong(self) -> int:
        return 0 if self.files.due.most <= Marker() else -1

    @property
    def state(self) -> Any:
        """See `SinkWriter.state`."""
        return self.files.due.in_state(self._made.state)

    async def write(self, records: list[Any]) -> None:
        """See `SinkWriter.write`. Raises CannotCreateError: the disk is full."""
        encode: Callable[[list[Any]], Records] | None = getattr(self.target, "encode", None)
        kept = records if encode is None else encode(records)
        for start in range(0, len(kept), BLOCK_RECORDS_MAX):
            some = kept[start : start + BLOCK_RECORDS_MAX]
            block = packed(some)
            is_much = self.files.add(block.data, len(some))
            if block.is_plain:
                self.fresh.add((self.files.place.next - 1, block.size_bytes, some))
            else:
                self.fresh.skip()
            if is_much:
                await trio.to_thread.run_sync(self.files.flush)

    async def prepare(self) -> Any:
        """See `SinkWriter.prepare`."""
        prepared = None
        if self.files.has_some:
            prepared = await trio.to_thread.run_sync(self.files.prepare)
            if prepared is not None:
                self.fresh.prepared(prepared["file"])
        self._made = self.files.place
        return prepared

    def is_full(self, unpublished: Sequence[Any]) -> bool:
        """Whether sources should pause: so much of what is committed waits for the server."""
        return bool(sum(each["bytes"] for each in unpublished) >= self.spool_bytes_max)

    async def commit(self, prepared: Any) -> None:
        """See `SinkWriter.commit`: returns when the server has the last record.

        Raises PeersGoneError: the server is away or refuses. Raises NeverTakenError: it refuses,
        and has done nothing else. Raises DamagedStateError: it has lost what was published, or has
        more than was made; or the file is damaged.
        """
        moved = 0
        while True:
            try:
                await self._apply(prepared)
                break
            except MarkerMovedError as error:
                # Another process of this writer was quicker: its records are the same.
                self._marker = None
                moved += 1
                if moved > MOVED_MAX:
                    raise self._named(error) from error
            except DamagedStateError:
                self._marker = None
                raise
            except ConfigurationError as error:
                self._marker = None
                self._refused += self._refused >= 0
                named = self._named(error)
                if self._refused >= REFUSED_MAX:
                    raise NeverTakenError(named.message) from error
                raise named from error
            except Exception as error:
                self._marker = None
                raise self._named(error) from error
            except BaseException:  # cancelled: it may have got in, or not
                self._marker = None
                raise
        self.fresh.forget(prepared["file"])
        await trio.to_thread.run_sync(self.files.remove, prepared)

    def _named(self, error: Exception) -> PeersGoneError:
        what = error.message if isinstance(error, WallaroodError) else str(error)
        named = what.startswith(self.server)
        return PeersGoneError(what if named else f"{self.server}: {what or type(error).__name__}")

    async def _apply(self, prepared: Any) -> None:
        line, first = place_of(prepared["file"])
        last = Marker(line, prepared["last"])
        before = Marker(line, first - 1) if first > 1 else Marker(*prepared["after"])
        if self._marker is None:
            marker = await self.target.marker()
            self._marker = before if marker is None else marker
            self._refused = -1
            self._check_ahead(self._marker)
            await self.files.due.compared()
        self.files.due.published(last)
        if self._marker >= last:
            return
        self._check_behind(self._marker, before)
        after = self._marker.last if self._marker.line == line else 0
        size = getattr(self.target, "chunk_size", None)
        if not isinstance(size, ChunkSize):  # a target of an application may call its own so
            size = ChunkSize()
        if (blocks := self.fresh.of(prepared["file"])) is not None:
            for number, records in chunked(after_record(blocks, after), size):
                await self._apply_some(records, Marker(line, number))
        else:
            await trio.to_thread.run_sync(self.files.check, prepared)
            path = self.files.path_of(prepared)
            chunks = chunked(unpacked(path, first, after), size)
            while (chunk := await trio.to_thread.run_sync(self._next_of, chunks)) is not None:
                await self._apply_some(chunk[1], Marker(line, chunk[0]))
        if self._marker != last:
            path = self.files.path_of(prepared)
            raise DamagedStateError(
                f"{path} is damaged: it ends with record {self._marker}, not {last}"
            )

    async def _apply_some(self, records: Records, new: Marker) -> None:
        assert self._marker is not None
        await self.target.apply(records, self._marker, new)  # type: ignore[arg-type]
        self._marker = new

    def _next_of(self, chunks: Iterator[tuple[int, Records]]) -> tuple[int, Records] | None:
        try:
            return next(chunks, None)
        except FileNotFoundError as error:
            raise DamagedStateError(
                f"{error.filename} is missing, and {self.server} has records of {self.writer} "
                f"only up to {self._marker}: either of them was put back to an older state. Put "
                "the newest state directory back, or form a new cluster"
            ) from None

    def _check_ahead(self, marker: Marker) -> None:
        if marker > (due := self.files.due.most):
            raise DamagedStateError(
                f"{self.server} has records of {self.writer} up to {marker}, but only {due} "
                "were made for it: the cluster was restored to a point before what it has "
                "published, or this worker runs twice. Restore a newer state directory on at "
                "least one worker, or form a new cluster"
            )

    def _check_behind(self, marker: Marker, before: Marker) -> None:
        if marker < before:
            raise DamagedStateError(
                f"{self.server} has records of {self.writer} only up to {marker}, but up to "
                f"{before} were published: it has lost data, as after a failover or when an older "
                "backup was put back. Put its newest data back; or put a checkpoint back that was "
                "kept before, so that what is missing is made again; or form a new cluster"
            )

    async def aclose(self) -> None:
        """See `SinkWriter.aclose`."""
        self.files.close()
        if (close := getattr(self.target, "aclose", None)) is not None:
            await close()
