"""The objects below a prefix: their listing, and the bytes of each."""

from collections.abc import Callable
from typing import Any

import attrs

from wallarood.app.connector import SourceLimits
from wallarood.connectors.extra import imported
from wallarood.connectors.file.input import InputFile
from wallarood.connectors.file.listing import Split
from wallarood.connectors.file.reader import FileReader
from wallarood.connectors.objects.shelf import Entry, WholeReader
from wallarood.connectors.parse.options import Format
from wallarood.connectors.s3.bucket import EXTRA, OWNER, Bucket
from wallarood.model.errors import ApplicationError, ServerAwayError

LISTED_AT_ONCE = 1000
AHEAD_BYTES = 4 << 20
"""How much of a text is fetched at once."""
AHEAD_PARQUET_BYTES = 64 << 10
"""Parquet asks for what it needs."""


def _obstore() -> Any:
    return imported("obstore", extra=EXTRA, owner=OWNER)


@attrs.define(eq=False)
class ObjectBytes:
    """See `Raw`. *entry* is the object with just this tag: another one is found out."""

    bucket: Bucket
    store: Any
    entry: Entry
    ahead_bytes: int
    inode: int = 0
    _size: int | None = attrs.field(default=None, init=False)
    _block: bytes = attrs.field(default=b"", init=False)
    _block_at: int = attrs.field(default=0, init=False)
    _touched: bool = attrs.field(default=False, init=False)

    def size(self) -> int:
        """See `Raw.size`. Raises as `read_at`."""
        if self._size is None:
            self._size = self.entry.size
        if self._size is None:
            self._size = self._looked()
        return self._size

    def _looked(self) -> int:
        """The size of an object that an earlier process has begun to read."""
        found = self._call(lambda: _obstore().head(self.store, self.entry.key))
        if tag_of(found) != self.entry.tag:
            raise self._replaced()
        self._touched = True
        return int(found["size"])

    def read_at(self, size: int, offset: int) -> bytes:
        """See `Raw.read_at`.

        Raises ApplicationError: it is gone, or another one has its name. Raises ServerAwayError.
        """
        end = min(offset + size, self.size())
        if end <= offset:
            return b""
        at = offset - self._block_at
        if not 0 <= at < len(self._block):
            self._block = self._fetched(
                offset, min(offset + max(size, self.ahead_bytes), self.size())
            )
            self._block_at, at = offset, 0
        return self._block[at : at + end - offset]

    def _fetched(self, start: int, end: int) -> bytes:
        options: dict[str, Any] = {"range": (start, end)}
        if self.entry.tag.startswith('"'):
            options["if_match"] = self.entry.tag
        data: bytes = self._call(
            lambda: bytes(_obstore().get(self.store, self.entry.key, options=options).bytes())
        )
        self._touched = True
        if len(data) != end - start:
            raise ServerAwayError(
                f"{self.bucket} gave {len(data):,} bytes of {self._name}, not {end - start:,}"
            )
        return data

    def _call(self, call: Callable[[], Any]) -> Any:
        exceptions = imported("obstore.exceptions", extra=EXTRA, owner=OWNER)
        try:
            return self.bucket.call(call)
        except FileNotFoundError:
            raise ApplicationError(
                f"{self._name} is gone, before it was read to its end. Put it back with just what "
                "it had; or form a new cluster, which reads what is there"
            ) from None
        except exceptions.PreconditionError:
            if not self._touched and self.entry.size is not None:
                raise ServerAwayError(f"{self._name} was replaced since it was listed") from None
            raise self._replaced() from None

    def _replaced(self) -> ApplicationError:
        return ApplicationError(
            f"{self._name} was replaced by another object before it was read to its end (its ETag "
            f"was {self.entry.tag}). Put the former one back; or form a new cluster, which reads "
            "what is there"
        )

    @property
    def _name(self) -> str:
        return self.bucket.url(self.entry.key)

    def close(self) -> None:
        """See `Raw.close`."""
        self._block = b""


def tag_of(meta: Any) -> str:
    """What is other of another object of the same name."""
    return str(meta["e_tag"] or f"{meta['size']} {meta['last_modified']}")


@attrs.define(eq=False)
class BucketShelf:
    """See `Shelf`. All that is below the prefix and ends in *suffix*."""

    bucket: Bucket
    form: Format
    suffix: str
    limits: SourceLimits
    stops: bool
    _store: Any = attrs.field(default=None, init=False)

    @property
    def store(self) -> Any:
        """The client. Raises as `Bucket.store`."""
        if self._store is None:
            self._store = self.bucket.store()
        return self._store

    def listed(self) -> list[Entry]:
        """See `Shelf.listed`."""
        try:
            return self.bucket.call(self._list)
        except FileNotFoundError as error:
            raise self.bucket.what(error) from None

    def _list(self) -> list[Entry]:
        prefix = self.bucket.prefix or None
        pages = _obstore().list(self.store, prefix, chunk_size=LISTED_AT_ONCE)
        return [
            Entry(each["path"], tag_of(each), each["size"])
            for page in pages
            for each in page
            if self._is_part(each["path"])
        ]

    def _is_part(self, key: str) -> bool:
        name = key.rpartition("/")[2]
        if self.form.format == "parquet" and name.startswith("_"):
            return False
        return bool(name) and not name.startswith(".") and name.endswith(self.suffix)

    def check(self) -> None:
        """Raises WallaroodError: it cannot be listed."""
        try:
            self.bucket.call(self._look)
        except FileNotFoundError as error:
            raise self.bucket.what(error) from None

    def _look(self) -> None:
        next(iter(_obstore().list(self.store, self.bucket.prefix or None)), None)

    def reader(self, entry: Entry) -> WholeReader:
        """See `Shelf.reader`."""
        path = self.name(entry.key)
        if self.form.format == "parquet":
            from wallarood.connectors.parquet.reader import (  # noqa: PLC0415 - only here
                ParquetReader,
            )
            from wallarood.connectors.parquet.rows import Rows  # noqa: PLC0415

            rows = Rows.of(self.form, stops=self.stops)
            opened = self._opened(entry, AHEAD_PARQUET_BYTES)
            return ParquetReader(path, rows, self.limits, opened=lambda _: opened())
        opened = self._opened(entry, AHEAD_BYTES)
        return FileReader(
            Split(path, 0, None),
            self.form,
            self.limits,
            self.stops,
            opened=lambda _, form: InputFile(opened(), form),
        )

    def _opened(self, entry: Entry, ahead_bytes: int) -> Callable[[], ObjectBytes]:
        return lambda: ObjectBytes(self.bucket, self.store, entry, ahead_bytes)

    def name(self, key: str) -> str:
        """See `Shelf.name`."""
        return self.bucket.url(key)
