"""Reads everything that a state directory holds, and says what is not as it was written."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from wallarood.connectors.journal import check_journal
from wallarood.connectors.tcp.frame_files import check_frames
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import DamagedStateError
from wallarood.storage.checkpoint_files import inspect_checkpoints
from wallarood.storage.state_directory import StateDirectory


def verify(state: StateDirectory) -> list[str]:
    """What is damaged in *state*, the archived clusters included; each in words."""
    problems = [*_problem(state.check_documents)]
    problems += _verify_cluster(state.cluster_path, state.load_record)
    for archive in state.archives():
        problems += _verify_cluster(archive, partial(state.load_archived, archive))
    return problems


def _problem(call: Callable[[], Any]) -> Iterator[str]:
    try:
        call()
    except DamagedStateError as error:
        yield error.message


def _verify_cluster(path: Path, load: Callable[[], ClusterRecord | None]) -> list[str]:
    try:
        record = load()
    except DamagedStateError as error:
        return [error.message]
    if record is None or record.state is RecordState.PREPARED:
        return []
    problems = []
    for directory in sorted((path / "sources").glob("*/*")):
        problems += check_journal(directory)
    try:
        store = inspect_checkpoints(path / "checkpoints.db", record.cluster_id)
    except DamagedStateError as error:
        return [*problems, error.message]
    try:
        problems += store.verify()
        sinks = [] if problems else store.restore(store.committed.number).sinks
    finally:
        store.close()
    for sink in sinks:
        frames = [each for each in sink.unpublished if _is_of_frames(each)]
        for directory in _directories_of(path / "sinks", sink.step):
            found = [check_frames(directory, each) for each in frames]
            problems += [each for each in found if each]
    return problems


def _directories_of(path: Path, step: str) -> list[Path]:
    """Those of the instances of a sink: its name and a number, as `tcp-sink-0` of "tcp-sink"."""
    name = step.replace("/", "_")
    return sorted(
        each
        for each in path.glob("*-*")
        if each.name.rpartition("-")[0] == name and each.name.rpartition("-")[2].isdecimal()
    )


def _is_of_frames(transaction: Any) -> bool:
    """Whether a transaction is one of a TCP sink: others have their own form."""
    return isinstance(transaction, dict) and all(
        isinstance(transaction.get(each), str) for each in ("file", "checksum")
    )
