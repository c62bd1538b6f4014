"""The archive of a state directory: former clusters, numbered, the last few."""

import shutil
from pathlib import Path

import attrs

from wallarood.disk.durable import sync_directory
from wallarood.model.cluster_record import SCHEMA_VERSION as RECORD_SCHEMA_VERSION
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import CannotCreateError, RefusedError, WallaroodError
from wallarood.model.ids import Address
from wallarood.model.topology import SINCE_CHANGES
from wallarood.storage.files import damaged, read_document, write_document
from wallarood.storage.seat import archive_seat
from wallarood.wire.strict import StructureError, structure, unstructure

ARCHIVES_MAX = 10
SCHEMA_VERSION = 1
EVICTED = "evicted.json"
UNFOUNDED = "unfounded"
"""The name of what has no record, as a worker leaves it that dies while it joins a cluster."""


@attrs.frozen
class Evicted:
    """That a cluster goes on without the worker of a directory: the *reason*, and its members.

    `ends` is whether it was told to leave and has not ended yet.
    """

    reason: str
    members: tuple[Address, ...]
    ends: bool = attrs.field(default=False, metadata=SINCE_CHANGES)


def note_evicted(directory: Path, evicted: Evicted) -> None:
    """Record it: who has no cluster any more would form another one. Raises CannotCreateError."""
    write_document(directory / EVICTED, SCHEMA_VERSION, unstructure(evicted))


def read_evicted(directory: Path) -> Evicted | None:
    """What was recorded; None: nothing, or it is over. Raises DamagedStateError."""
    content = read_document(directory / EVICTED, SCHEMA_VERSION)
    try:
        return None if content is None else structure(content, Evicted)
    except StructureError as error:
        raise damaged(directory / EVICTED, str(error)) from None


def forget_evicted(directory: Path) -> None:
    """The worker is in a cluster again, or its operator wants another one."""
    (directory / EVICTED).unlink(missing_ok=True)


def read_record(path: Path) -> ClusterRecord | None:
    """The record of a cluster; None: there is none. Raises DamagedStateError."""
    content = read_document(path, RECORD_SCHEMA_VERSION)
    if content is None:
        return None
    try:
        return structure(content, ClusterRecord)
    except StructureError as error:
        raise damaged(path, str(error)) from None


def archives_in(directory: Path) -> list[Path]:
    """The archived clusters of a state directory, oldest first; what is beside them stays."""
    found = (directory / "archive").glob("*-*")
    return sorted((each for each in found if _is_archive(each)), key=_number_of)


def set_aside(directory: Path, name: str, spare: Path | None) -> Path:
    """Archive the present cluster under *name*; where it is.

    The oldest archives above the limit are removed, but not *spare*; of those without a record the
    last stays, so that a worker which joins in vain does not push out what was a cluster. Raises
    CannotCreateError.
    """
    folder = directory / "archive"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        before = archives_in(directory)
        numbers = map(_number_of, before)
        target = folder / f"{max(numbers, default=0) + 1:06d}-{name}"
        archive_seat(directory)
        (directory / "cluster").rename(target)
        unfounded = [each for each in before if _name_of(each) == name == UNFOUNDED]
        for old in {*archives_in(directory)[:-ARCHIVES_MAX], *unfounded} - {spare}:
            shutil.rmtree(old)
        sync_directory(folder)
        sync_directory(directory)
    except OSError as error:
        raise CannotCreateError(f"cannot archive into {folder}: {error.strerror}") from error
    return target


def with_archived(directory: Path, failure: WallaroodError) -> WallaroodError:
    """A failure; if it is a refusal by a cluster that is in the archive, it says so."""
    if not isinstance(failure, RefusedError):
        return failure
    for archived in reversed(archives_in(directory)):
        cluster_id = archived.name.partition("-")[2]
        if cluster_id in failure.message:
            return RefusedError(
                f"{failure.message}; its state is in the archive here, at {archived}: "
                f"start with --cluster-id {cluster_id} to bring it back"
            )
    return failure


def _is_archive(path: Path) -> bool:
    """Whether a directory has the name of an archive."""
    number, _, cluster_id = path.name.partition("-")
    return path.is_dir() and number.isascii() and number.isdecimal() and bool(cluster_id)


def _name_of(archive: Path) -> str:
    return archive.name.partition("-")[2]


def _number_of(archive: Path) -> int:
    return int(archive.name.partition("-")[0])
