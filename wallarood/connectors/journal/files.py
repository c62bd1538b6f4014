"""What a source has accepted and cannot ask for again: kept on disk until no checkpoint needs it.

Theory of operation
===================
Entries are numbered from 0. A group of them is written as one block and made durable by one fsync:
so the more comes in while the disk is busy, the more the next group holds. Blocks stand in segment
files, which are called by the number of their first entry; a file begins with a block that has the
highest sequence number of every client by then, so that removing old files forgets no client. The
last file is never cut; if the journal is full and no entry of it is needed, another one is begun
first.

A block is its length, the complement of the length, and a checksum, then MessagePack. The last
block of a file may be torn: what was not durable was not acknowledged, and is cut off. Damage
anywhere else is an error: thanks to the complement a wrong length is never taken for a torn end,
and the next file must continue where this one ends. What a process wrote and died before it was
durable may be whole all the same: opening the journal makes it durable before using it.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import attrs
import structlog

from wallarood.app.connector import Copied
from wallarood.connectors.journal.blocks import Block, Entry, TornError, blocks, packed
from wallarood.connectors.journal.clients import inherited_in
from wallarood.disk.durable import sync_directory, write_all
from wallarood.model.errors import CannotCreateError, DamagedStateError

SEGMENT_BYTES = 4 << 20
SUFFIX = ".journal"


log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Journal:
    """An open journal in *directory*. Calls block; they come from one thread at a time.

    `first` and `next` bound the entries that are here. `highest` has the highest sequence number of
    each client, `inherited` those that workers had which are gone. Reaching *bytes_max* makes it
    `full`; that is for the owner to heed. What was added counts as durable when it is *copied*,
    too.
    """

    directory: Path
    bytes_max: int
    first: int = 0
    next: int = 0
    highest: dict[str, int] = attrs.field(factory=dict)
    inherited: dict[str, int] = attrs.field(factory=dict)
    copied: Copied | None = None
    _sizes: dict[int, int] = attrs.field(factory=dict)
    _file: int | None = None

    @property
    def size_bytes(self) -> int:
        """What all files take."""
        return sum(self._sizes.values())

    @property
    def filled(self) -> float:
        """How much of what it may take is taken, 0 to 1; also while a thread changes it."""
        return sum(tuple(self._sizes.values())) / self.bytes_max

    @property
    def full(self) -> bool:
        """Whether nothing should be added before something is cut; there is something to cut."""
        return self.size_bytes >= self.bytes_max and self.next > self.first

    def _path(self, first: int) -> Path:
        return self.directory / f"{first:016d}{SUFFIX}"

    def append(self, entries: list[Entry]) -> None:
        """Make *entries* durable, here and where they are copied to; as `write`."""
        self.write(entries)
        self.wait_copied()

    def write(self, entries: list[Entry]) -> None:
        """Make *entries* durable here.

        Raises CannotCreateError: it failed, and nothing has changed.
        """
        file = self._file if self._file is not None else self._go_on()
        if self._sizes[self._last] >= SEGMENT_BYTES:
            file = self._roll()
        data = packed(Block(self.next, entries))
        size = self._sizes[self._last]
        try:
            write_all(file, data)
            os.fdatasync(file)
        except OSError as error:
            self._undo(size)
            raise CannotCreateError(f"{self._path(self._last)}: {error.strerror}") from error
        self._sizes[self._last] = size + len(data)
        self.next += len(entries)
        self._note(entries)

    def wait_copied(self) -> None:
        """Wait until what was written is copied: never, if the round ends before."""
        if self.copied is not None and self._sizes:
            self.copied(str(self._path(self._last)), self._sizes[self._last])

    def _undo(self, size: int) -> None:
        """Cut off what a failed write may have left; `_go_on` does it if that fails too."""
        assert self._file is not None
        try:
            os.ftruncate(self._file, size)
            os.lseek(self._file, size, os.SEEK_SET)
        except OSError:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                os.close(file)

    def _go_on(self) -> int:
        """Open the last file after its last block, or begin the first."""
        if not self._sizes:
            return self._roll()
        path, size = self._path(self._last), self._sizes[self._last]
        try:
            file = self._file = os.open(path, os.O_WRONLY)
            os.ftruncate(file, size)
            os.lseek(file, size, os.SEEK_SET)
        except OSError as error:
            self.close()
            raise CannotCreateError(f"{path}: {error.strerror}") from error
        return file

    def _note(self, entries: list[Entry]) -> None:
        for client, sequence, _ in entries:
            if client:
                self.highest[client] = sequence

    @property
    def _last(self) -> int:
        return max(self._sizes)

    def _roll(self) -> int:
        """Begin another file."""
        self.close()
        path = self._path(self.next)
        data = packed(Block(self.next, [], self.highest))
        try:
            file = self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            write_all(file, data)
            os.fsync(file)
            sync_directory(self.directory)
        except OSError as error:
            self.close()
            raise CannotCreateError(f"{path}: {error.strerror}") from error
        self._sizes[self.next] = len(data)
        return file

    def read(self, start: int) -> Iterator[tuple[int, bytes]]:
        """(number, payload) of every entry from *start* on.

        Raises DamagedStateError: a file is missing, or is not what was written.
        """
        if not self.first <= start <= self.next:
            raise DamagedStateError(
                f"the journal {self.directory} has the entries {self.first:,} to {self.next:,}, "
                f"but the checkpoint continues from {start:,}: put the whole state directory back, "
                "or end the cluster and form a new one"
            )
        return self._read(start)

    def _read(self, start: int) -> Iterator[tuple[int, bytes]]:
        for first in sorted(self._sizes):
            if first + self._count(first) <= start:
                continue
            for block, _ in blocks(self._path(first)):
                for number, (_, _, payload) in enumerate(block.entries, block.first):
                    if number >= start:
                        yield number, payload

    def _count(self, first: int) -> int:
        later = [each for each in self._sizes if each > first]
        return min(later, default=self.next) - first

    def cut(self, number: int) -> None:
        """Forget the files that hold only entries before *number*.

        Raises CannotCreateError: the disk is full or not writable, and not all are forgotten.
        """
        if self.full and number >= self.next:
            self._roll()
        for first, after in pairwise(sorted(self._sizes)):
            if after > number:
                break
            try:
                self._path(first).unlink(missing_ok=True)
            except OSError as error:
                raise CannotCreateError(f"{self._path(first)}: {error.strerror}") from error
            del self._sizes[first]
            self.first = after

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def open_journal(directory: Path, bytes_max: int, copied: Copied | None = None) -> Journal:
    """Open the journal in *directory*, which is made if need be.

    Raises CannotCreateError: it cannot be made. Raises DamagedStateError: a file is damaged.
    """
    journal = Journal(directory, bytes_max, copied=copied)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(directory.parent)
        paths = sorted(directory.glob(f"*{SUFFIX}"))
    except OSError as error:
        raise CannotCreateError(f"{directory}: {error.strerror}") from error
    for path, after in zip_longest(paths, paths[1:]):
        _take_in(journal, path, after)
    journal.first = min(journal._sizes, default=0)
    journal.inherited = inherited_in(directory)
    if journal._sizes:
        # Who asks is told that all of it has arrived; it may not be there when a life ends early.
        journal.wait_copied()
    return journal


def check_journal(directory: Path) -> list[str]:
    """What is damaged in the journal in *directory*, which is only read; each in words."""
    problems = []
    expected = None
    try:
        inherited_in(directory)
    except (DamagedStateError, CannotCreateError) as error:
        problems.append(error.message)
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        first = int(path.stem)
        if expected is not None and first != expected:
            problems.append(f"{path}: entries {expected:,} to {first:,} are missing")
        expected = first
        try:
            for block, _ in blocks(path):
                expected = block.first + len(block.entries)
        except TornError:
            continue  # what was not acknowledged
        except FileNotFoundError:
            expected = None  # a running worker has just removed it, and all before it
        except (DamagedStateError, OSError) as error:
            problems.append(str(error))
            expected = None
    return problems


def check_journals(directory: Path, unpublished: Sequence[Any] = ()) -> list[str]:  # noqa: ARG001
    """What is damaged in the journals of a source, one for each partition; each in words."""
    return [problem for each in sorted(directory.glob("*/")) for problem in check_journal(each)]


def _take_in(journal: Journal, path: Path, after: Path | None) -> None:
    """Read a file from end to end; *after* is the next one."""
    first = int(path.stem)
    if journal._sizes and first != journal.next:
        raise DamagedStateError(f"{path}: entries {journal.next:,} to {first:,} are missing")
    journal.next = first
    size = 0
    try:
        for block, end in blocks(path):
            if block.highest is not None:
                journal.highest = dict(block.highest)
            journal._note(block.entries)
            journal.next = block.first + len(block.entries)
            size = end
    except TornError as torn:
        if after is not None and int(after.stem) != journal.next:
            raise DamagedStateError(torn.message) from None
        log.warning("truncating a journal to its durable part", reason=str(torn))
    if size:
        journal._sizes[first] = size
        _settle(path, size)
    else:  # not even its first block was durable
        path.unlink()


def _settle(path: Path, size: int) -> None:
    """Make the first *size* bytes of a file durable, and cut off the rest."""
    try:
        file = os.open(path, os.O_WRONLY)
        try:
            os.ftruncate(file, size)
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise CannotCreateError(f"{path}: {error.strerror}") from error
