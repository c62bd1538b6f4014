"""`wallarood state`: what a worker keeps on disk."""

import argparse
import json
from pathlib import Path

from wallarood.cli.common import add_config_flags, config_from
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import WallaroodError
from wallarood.storage.state_directory import StateDirectory, look_into, open_state_directory
from wallarood.wire.strict import unstructure


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "state",
        help="show a worker's state directory, or set its cluster record aside",
        description="'show' prints the cluster record and the archived ones, also while the worker "
        "runs. 'reset' archives the record, so that the worker forms or joins a new cluster.",
    )
    parser.add_argument("action", choices=("show", "reset"))
    parser.add_argument("--json", action="store_true", help="print the record as JSON")
    add_config_flags(parser)
    parser.set_defaults(application=None, args=[])


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    path = Path(config_from(arguments)["worker.state-directory"])
    return _reset(path) if arguments.action == "reset" else _show(path, as_json=arguments.json)


def _reset(path: Path) -> int:
    look_into(path)
    state = open_state_directory(path)
    try:
        archived = state.archive_unread()
    finally:
        state.close()
    print(f"archived as {archived}" if archived else f"{path} holds no cluster record")
    return 0


def _show(path: Path, *, as_json: bool) -> int:
    state = look_into(path)
    record = state.load_record()
    if as_json:
        print(json.dumps(unstructure(record), indent=2, ensure_ascii=False))
        return 0
    print(f"state directory {path}")
    print(_described(record) if record is not None else "no cluster record")
    for archive in state.archives():
        print(f"archived: {archive.name}{_damage(state, archive)}")
    return 0


def _damage(state: StateDirectory, archive: Path) -> str:
    try:
        state.load_archived(archive)
    except WallaroodError as error:
        return f" ({error.message})"
    return ""


def _described(record: ClusterRecord) -> str:
    lines = [
        f"cluster     {record.cluster_id} ({record.state.value})",
        f"worker      {record.worker}",
        f"initializer {record.initializer}",
        f"application {record.topology.application!r}, epoch {record.topology.epoch}",
        f"workers     {', '.join(record.topology.workers)}",
    ]
    lines += [
        f"stage {stage.index}     {stage.name} on {', '.join(stage.workers)}"
        for stage in record.topology.stages
    ]
    return "\n".join(lines)
