"""Reads everything that a state directory holds, and says what is not as it was written."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from wallarood.disk.noted import noted_verify
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import DamagedStateError
from wallarood.storage.checkpoint_files import inspect_checkpoints
from wallarood.storage.former import verify_former
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
    for directory in sorted((path / "sources").glob("*")):
        problems += _verify_kept(directory, ())
    try:
        store = inspect_checkpoints(path / "checkpoints.db", record.cluster_id)
    except DamagedStateError as error:
        return [*problems, error.message]
    try:
        problems += [*store.verify(), *verify_former(store)]
        sinks = [] if problems else store.restore(store.committed.number).sinks
    finally:
        store.close()
    for sink in sinks:
        for directory in _directories_of(path / "sinks", sink.step):
            problems += _verify_kept(directory, sink.unpublished)
    return problems


def _verify_kept(directory: Path, unpublished: Sequence[Any]) -> list[str]:
    """Ask the connector whose files are in *directory*."""
    try:
        verify = noted_verify(directory)
    except LookupError as error:
        return [str(error)]
    return [] if verify is None else verify(directory, unpublished)


def _directories_of(path: Path, step: str) -> list[Path]:
    """Those of the instances of a sink: its name and a number, as `tcp-sink-0` of "tcp-sink"."""
    name = step.replace("/", "_")
    return sorted(
        each
        for each in path.glob("*-*")
        if each.name.rpartition("-")[0] == name and each.name.rpartition("-")[2].isdecimal()
    )
