"""The state directory of one worker: its cluster record, its starts, what will never be."""
# Layout, all files 0600 in a directory 0700:
#   lock                 held by the process that uses the directory; has its process ID
#   incarnation.json     how often the worker has been started
#   seat.json            its seat, and by what a copy is told from it
#   never.json           cluster IDs that were abandoned; evicted.json: a cluster goes on without it
#   cluster/             all of one cluster, set aside by one rename:
#     record.json        the cluster record: prepared, committed or started
#     checkpoints.db     the checkpoints, from the commit on
#     sources/, sinks/   what sources and sinks keep themselves
#   archive/N-ID/        former clusters, the last few

import fcntl
import os
import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import structlog

from wallarood.disk.durable import sync_directory
from wallarood.model.checkpoint import CheckpointId, CheckpointPart
from wallarood.model.cluster_record import SCHEMA_VERSION, ClusterRecord, RecordState
from wallarood.model.errors import (
    CannotCreateError,
    DamagedStateError,
    StateInUseError,
    WallaroodError,
)
from wallarood.model.ids import ClusterId, Incarnation, WorkerName
from wallarood.storage import archives, seat
from wallarood.storage.archives import archives_in, read_record, set_aside, with_archived
from wallarood.storage.change_rows import ChangeRows, Found, adopted_record, look_at_changes
from wallarood.storage.checkpoint_files import create_checkpoints, open_checkpoints
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.files import (
    damaged,
    in_the_way,
    make_directory,
    read_document,
    write_document,
)
from wallarood.storage.former import drop_damaged
from wallarood.wire.strict import StructureError, structure, unstructure

if TYPE_CHECKING:  # what only copies need is imported with the first of them
    from wallarood.model.messages.replicas import Chunk, ChunkGroup, PartHead, PartWanted
    from wallarood.storage.copies.copied_files import CopiedFiles
    from wallarood.storage.copies.files_to_copy import FilesToCopy
    from wallarood.storage.part_reader import PartRead

log = structlog.get_logger(__name__)

NEVER_MAX = 1000


@attrs.frozen
class StateDirectory:
    """A state directory. Made by `open_state_directory`, or by `look_into` for reading only."""

    path: Path
    _lock: int | None = None

    @property
    def cluster_path(self) -> Path:
        """The directory that has everything of the cluster."""
        return self.path / "cluster"

    @property
    def record_path(self) -> Path:
        """Where the cluster record is."""
        return self.cluster_path / "record.json"

    @property
    def checkpoints_path(self) -> Path:
        """Where the checkpoints are."""
        return self.cluster_path / "checkpoints.db"

    def open_checkpoints(self, cluster_id: ClusterId) -> CheckpointStore:
        """Open the checkpoints, without those that are damaged and not known committed.

        Raises DamagedStateError: what cannot be done without is damaged or missing.
        """
        store = open_checkpoints(self.checkpoints_path, cluster_id)
        for what in store.drop_damaged():
            log.warning("a damaged checkpoint is left out", damage=what)
        for what in store.replicas.drop_damaged():
            log.warning("a damaged replica is dropped; its owner sends it again", damage=what)
        for what in drop_damaged(store) if store.marks.former else ():
            log.warning("a damaged part of an older epoch is dropped", damage=what)
        return store

    def create_checkpoints(self, cluster_id: ClusterId) -> None:
        """Make those of a cluster that has no record yet."""
        make_directory(self.cluster_path)
        create_checkpoints(self.checkpoints_path, cluster_id)

    def changes_in(self, checkpoints: CheckpointStore | Any) -> ChangeRows:
        """The rows of changes beside *checkpoints*."""
        return ChangeRows(checkpoints)

    def read_part(
        self, cluster_id: ClusterId, wanted: "PartWanted", *, there: "Collection[ChunkGroup]" = ()
    ) -> "PartRead":
        """Read a part out of the checkpoints, or a replica; see `read_own_part`."""
        from wallarood.storage.part_reader import read_own_part, read_replica  # noqa: PLC0415

        record, path = self.load_record(), self.checkpoints_path
        if record is None or record.worker == wanted.part.owner:
            return read_own_part(path, cluster_id, wanted, there=there)
        return read_replica(path, cluster_id, wanted)

    def captured_part(
        self, checkpoints: CheckpointStore | Any, part: CheckpointPart, layout: int
    ) -> "tuple[PartHead, tuple[Chunk, ...]]":
        """A part that *checkpoints* is about to write; see `part_reader`."""
        from wallarood.storage.part_reader import captured_part  # noqa: PLC0415

        return captured_part(checkpoints, part, layout)

    def damaged_parts(self, cluster_id: ClusterId) -> list[CheckpointId]:
        """The checkpoints that cannot be done without, and are damaged; see `mending`."""
        from wallarood.storage.copies.mending import damaged_parts  # noqa: PLC0415

        return damaged_parts(self.checkpoints_path, cluster_id)

    def mend_part(self, cluster_id: ClusterId, head: "PartHead", chunks: "Iterable[Chunk]") -> None:
        """Put a copy of a part in its place; see `mending`."""
        from wallarood.storage.copies.mending import mend_part  # noqa: PLC0415

        mend_part(self.checkpoints_path, cluster_id, head, chunks=chunks)

    def files_to_copy(self) -> "FilesToCopy":
        """What sources and sinks keep here, for another disk."""
        from wallarood.storage.copies.files_to_copy import FilesToCopy  # noqa: PLC0415

        return FilesToCopy(self.cluster_path)

    def copied_files(
        self, owner: WorkerName | None, *, layout: int = 0, epoch: int = 0
    ) -> "CopiedFiles":
        """The copies here of what those of *owner* keep; None: what those here keep."""
        from wallarood.storage.copies.copied_files import copies_in  # noqa: PLC0415

        return copies_in(self.cluster_path, owner, layout, epoch=epoch)

    def load_record(self) -> ClusterRecord | None:
        """The record, or a later one in the checkpoints. Raises DamagedStateError."""
        record, adopted = read_record(self.record_path), None
        with suppress(CannotCreateError):  # who opens them waits for the disk, and compares
            adopted = adopted_record(self.checkpoints_path)
        old = adopted is None or (record and record.topology.epoch >= adopted.topology.epoch)
        return record if old else adopted

    def look_at_changes(self) -> Found:
        """What was adopted last, and what is staged. Raises as the function of this name."""
        return look_at_changes(self.checkpoints_path)

    def save_record(self, record: ClusterRecord) -> None:
        """Make *record* durable; with its commit a cluster has checkpoint 0.

        Raises CannotCreateError: it cannot be written.
        """
        make_directory(self.cluster_path)
        if record.state is RecordState.COMMITTED:
            create_checkpoints(self.checkpoints_path, record.cluster_id)
        write_document(self.record_path, SCHEMA_VERSION, unstructure(record))
        seat.note_database(self.path)

    def trust(self, restored: str) -> None:
        """Record why the directory is a copy; empty: it is whole as it is now."""
        seat.distrust(self.path, restored) if restored else seat.trust_again(self.path)

    def archives(self) -> list[Path]:
        """The directories of former clusters, oldest first."""
        return archives_in(self.path)

    def load_archived(self, path: Path) -> ClusterRecord | None:
        """The record of one of `archives`. Raises DamagedStateError."""
        return read_record(path / "record.json")

    def with_archived(self, failure: WallaroodError) -> WallaroodError:
        """A failure; if it is a refusal by a cluster that is in the archive, it says so."""
        return with_archived(self.path, failure)

    def bring_back(self, cluster_id: ClusterId) -> bool:
        """Put an archived cluster in the place of the present one, if it is there.

        Raises CannotCreateError: it cannot be moved.
        """
        found = [each for each in self.archives() if each.name.partition("-")[2] == cluster_id]
        if not found:
            return False
        self.archive_unread(spare=found[-1])
        try:
            found[-1].rename(self.cluster_path)
            sync_directory(self.path / "archive")
            sync_directory(self.path)
        except OSError as error:
            raise CannotCreateError(f"cannot bring back {found[-1]}: {error.strerror}") from error
        return True

    def archive_record(self, *, spare: Path | None = None) -> Path | None:
        """Archive the cluster, and remove the oldest archives but *spare*; where it is."""
        record = read_record(self.record_path) or self.load_record()
        return None if record is None else set_aside(self.path, record.cluster_id, spare)

    def archive_unread(self, *, spare: Path | None = None) -> Path | None:
        """Put the cluster aside even if its record is damaged, or there is none."""
        name = "damaged"
        with suppress(DamagedStateError):
            if (where := self.archive_record(spare=spare)) is not None:
                return where
            name = archives.UNFOUNDED
        return set_aside(self.path, name, spare) if self.cluster_path.exists() else None

    def never(self, cluster_id: ClusterId) -> bool:
        """Whether it is on record that this cluster will never be."""
        return cluster_id in self._nevers()

    def _nevers(self) -> list[ClusterId]:
        path = self.path / "never.json"
        content = read_document(path, SCHEMA_VERSION)
        try:
            return [] if content is None else structure(content, list[str])
        except StructureError as error:
            raise damaged(path, str(error)) from None

    def record_never(self, cluster_id: ClusterId) -> None:
        """Make it durable that this cluster will never be."""
        if cluster_id not in (known := self._nevers()):
            nevers = [*known, cluster_id][-NEVER_MAX:]
            write_document(self.path / "never.json", SCHEMA_VERSION, nevers)

    def check_documents(self) -> None:
        """Read what is not of one cluster. Raises DamagedStateError."""
        self._nevers()
        seat.read_seat(self.path)
        read_document(self.path / "incarnation.json", SCHEMA_VERSION)

    def next_incarnation(self) -> Incarnation:
        """Count this start, durably, and return it."""
        path = self.path / "incarnation.json"
        content = read_document(path, SCHEMA_VERSION)
        try:
            last = 0 if content is None else structure(content, Incarnation).starts
        except StructureError as error:
            raise damaged(path, str(error)) from None
        incarnation = Incarnation(last + 1, secrets.token_hex(8))
        write_document(path, SCHEMA_VERSION, unstructure(incarnation))
        return incarnation

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            os.close(self._lock)


def open_state_directory(path: Path) -> StateDirectory:
    """Make *path* if need be, and lock it for this process.

    Raises CannotCreateError: it cannot be made or written. Raises StateInUseError: another process
    holds it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        what = in_the_way(path) or error.strerror
        raise CannotCreateError(f"state directory {path}: {what}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(lock, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise StateInUseError(
            f"state directory {path} is in use by process {holder}: stop it, or choose another "
            "--state-directory"
        ) from None
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        os.close(lock)
        raise CannotCreateError(f"state directory {path}: {error.strerror}") from error
    return StateDirectory(path, lock)


def look_into(path: Path) -> StateDirectory:
    """Open a state directory for reading, also while a worker uses it.

    Raises DamagedStateError: there is none.
    """
    if not path.is_dir():
        what = in_the_way(path)
        raise DamagedStateError(f"there is no state directory {path}{what and f': {what}'}")
    return StateDirectory(path)
