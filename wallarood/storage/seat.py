"""The seat of a state directory: a random ID, and by what a copy of it is known for one."""
# Theory of operation
# ===================
# A worker must not forget what it has promised in a change of its cluster. A directory that was put
# back from a copy, or moved, may have: so it records its own inode, that of its database, and the
# ID of the machine. Where one of them is another at a start, it is restored, and stays so: its
# worker attaches and takes part in rounds, and votes in no change. It counts as whole again when
# all members were restored together and a round has begun, or when its name gets another seat.
#
# The seat goes into the archive with the cluster in which it had a vote, and comes back with it.

import os
import secrets
from pathlib import Path

import attrs

from wallarood.model.errors import CannotCreateError
from wallarood.model.ids import Seat
from wallarood.storage.files import damaged, read_document, write_document
from wallarood.wire.strict import StructureError, structure, unstructure

SCHEMA_VERSION = 1
FILE = "seat.json"
MACHINE_ID = Path("/etc/machine-id")


@attrs.frozen
class SeatRecord:
    """What a directory says of itself. `database` is None as long as there is none.

    `restored` says in words why its worker has no vote; empty if it has one.
    """

    seat: Seat
    directory: int
    database: int | None
    machine: str
    restored: str = ""


def take_seat(path: Path, machine_id: Path = MACHINE_ID) -> SeatRecord:
    """The seat of the state directory *path*, which this process holds; made if there is none.

    Raises DamagedStateError, CannotCreateError.
    """
    _settle(path)
    known = read_seat(path)
    if known is None:
        made = SeatRecord(
            Seat(secrets.token_hex(16)), _inode(path) or 0, _database(path), _machine(machine_id)
        )
        _write(path, made)
        return made
    restored = known.restored or _difference(known, path, machine_id)
    seen = attrs.evolve(known, restored=restored)
    if not restored and known.database is None:
        seen = attrs.evolve(seen, database=_database(path))
    if seen != known:
        _write(path, seen)
    return seen


def read_seat(path: Path) -> SeatRecord | None:
    """What the directory says; None: it has no seat yet. Raises DamagedStateError."""
    content = read_document(path / FILE, SCHEMA_VERSION)
    try:
        return None if content is None else structure(content, SeatRecord)
    except StructureError as error:
        raise damaged(path / FILE, str(error)) from None


def note_database(path: Path) -> None:
    """The database is the one that this process has made. Raises as `take_seat`."""
    known = read_seat(path)
    if known is not None and not known.restored and known.database is None:
        _write(path, attrs.evolve(known, database=_database(path)))


def distrust(path: Path, why: str) -> None:
    """This directory was restored, as others know. Raises as `take_seat`."""
    known = read_seat(path)
    if known is not None and not known.restored:
        _write(path, attrs.evolve(known, restored=why))


def trust_again(path: Path, machine_id: Path = MACHINE_ID) -> None:
    """All members were restored together: this directory counts as it is now."""
    known = read_seat(path)
    if known is not None and known.restored:
        here = (_inode(path) or 0, _database(path), _machine(machine_id))
        _write(path, SeatRecord(known.seat, *here))


def archive_seat(path: Path) -> None:
    """Put the seat to the cluster that is about to be archived. Raises OSError."""
    if (path / FILE).exists():
        (path / FILE).rename(path / "cluster" / FILE)


def _settle(path: Path) -> None:
    """A seat that is with the cluster came back with it, or was about to be archived."""
    try:
        if (path / "cluster" / FILE).exists():
            (path / "cluster" / FILE).rename(path / FILE)
    except OSError as error:
        raise CannotCreateError(f"cannot write {path / FILE}: {error.strerror}") from error


def _write(path: Path, record: SeatRecord) -> None:
    write_document(path / FILE, SCHEMA_VERSION, unstructure(record))


def _difference(known: SeatRecord, path: Path, machine_id: Path) -> str:
    """By what this directory is not the one that was written; empty if it is."""
    machine, database = _machine(machine_id), _database(path)
    if known.directory != _inode(path):
        return "it is a copy of the directory that this worker had"
    if known.machine and machine and known.machine != machine:
        return f"it was on another machine ({known.machine})"
    if None not in (known.database, database) and known.database != database:
        return "its checkpoints.db was replaced by a copy"
    return ""


def _inode(path: Path) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def _database(path: Path) -> int | None:
    return _inode(path / "cluster" / "checkpoints.db")


def _machine(path: Path) -> str:
    """The ID of this machine; empty if it has none."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()[:64]
    except OSError:
        return ""
