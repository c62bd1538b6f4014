"""A state directory made again from the replica on another worker's disk."""

import shutil
from pathlib import Path

import attrs

from wallarood.model.change import PartName
from wallarood.model.checkpoint import FIRST_CHECKPOINT, CheckpointPart, StatePart
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.ids import Member
from wallarood.storage.checkpoint_files import inspect_checkpoints
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.files import write_document
from wallarood.storage.seat import FILE, SCHEMA_VERSION, SeatRecord
from wallarood.storage.state_directory import StateDirectory, look_into, open_state_directory
from wallarood.wire.strict import unstructure


def inspected(directory: Path) -> CheckpointStore:
    """The checkpoints in a state directory."""
    state = look_into(directory)
    record = state.load_record()
    assert record is not None
    return inspect_checkpoints(state.checkpoints_path, record.cluster_id)


def replica_of(name: str, holder: CheckpointStore) -> PartName:
    """The replica of the last checkpoint that the holder knows committed."""
    (part,) = [
        part
        for part in holder.replicas.held
        if part.owner == name and part.number == holder.committed.number
    ]
    return part


def rebuild(name: str, directory: Path, *, holder: Path) -> None:
    """Make what worker *name* had in *directory*, of what is on the disk of its holder alone."""
    record, kept = look_into(holder).load_record(), inspected(holder)
    assert record is not None
    state = open_state_directory(directory)
    (member,) = [each for each in record.members if each.name == name]
    _take_seat_of(member, directory)
    _save(state, attrs.evolve(record, worker=name))
    store = state.open_checkpoints(record.cluster_id)
    if kept.committed != FIRST_CHECKPOINT:  # else there was nothing to copy
        part = replica_of(name, kept)
        store.choose(part.round, FIRST_CHECKPOINT, highest=0)
        _write(store, kept, part)
    store.choose(kept.round, kept.committed, highest=kept.highest, line=kept.line)
    store.record_committed(kept.committed.number)
    for part in kept.replicas.held:
        if part.owner == name and part.number > kept.committed.number:
            _write(store, kept, part)  # it may be committed, and the holder had not heard of it
    for each in (store, kept, state):
        each.close()
    copies = look_into(holder).cluster_path / "replicas" / name
    for copied in copies.glob("*/"):
        shutil.copytree(copied, state.cluster_path / copied.name)


def _write(store: CheckpointStore, kept: CheckpointStore, part: PartName) -> None:
    """Write a part as it was kept."""
    restored = kept.replicas.restore(part)
    states = tuple(
        StatePart(computation, True, 0, tuple(chunks), 0)
        for computation, chunks in restored.chunks.items()
    )
    sources, sinks = restored.sources, restored.sinks
    store.write(CheckpointPart(restored.checkpoint, part.owner, sources, sinks, states))


def _take_seat_of(member: Member, directory: Path) -> None:
    """The directory is that of the member, as if it had never been another one."""
    seat = SeatRecord(member.seat, directory.stat().st_ino, None, "")
    write_document(directory / FILE, SCHEMA_VERSION, unstructure(seat))


def _save(state: StateDirectory, record: ClusterRecord) -> None:
    state.save_record(attrs.evolve(record, state=RecordState.COMMITTED))
    state.save_record(record)
