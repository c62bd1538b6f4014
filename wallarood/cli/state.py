"""`wallarood state`: what a worker keeps on disk."""

import argparse
import json
import time
from pathlib import Path

from wallarood.admin.text.table import table
from wallarood.cli.common import add_config_flags, config_from
from wallarood.config.load import read_config
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import DamagedStateError, WallaroodError
from wallarood.storage.archives import forget_evicted
from wallarood.storage.checkpoint_files import inspect_checkpoints
from wallarood.storage.checkpoints import CheckpointStore
from wallarood.storage.seat import read_seat
from wallarood.storage.state_directory import StateDirectory, look_into, open_state_directory
from wallarood.verify import verify
from wallarood.wire.strict import unstructure

NO_VOTE = (
    "its worker takes part in all but changes of the cluster, in which it has no vote until it is "
    "replaced (wallarooctl replace), or copies were put back on all workers"
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "state",
        help="show, verify or set aside what a worker keeps on disk, or say that it is a copy",
        description="'show' prints the cluster record, the checkpoints and the archived clusters. "
        "'verify' reads every stored value and names what is damaged (exit code 65). Both work "
        "while the worker runs. 'reset' archives all of the cluster, so that the worker forms or "
        "joins a new one. 'restored' says that the directory was put back from a copy which it "
        "cannot be told from, as with a snapshot of a virtual machine: its worker has no vote in "
        "changes of the cluster from then on. Every flag of 'wallarood run' is taken; these say "
        "where the state is.",
    )
    parser.add_argument(
        "action",
        metavar="ACTION",
        choices=("show", "verify", "reset", "restored"),
        help="show, verify, reset or restored",
    )
    parser.add_argument("--json", action="store_true", help="print the record as JSON")
    add_config_flags(parser, shown=("--worker-name", "--state-directory"))
    parser.set_defaults(application=None, args=[])


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    path = Path(config_from(arguments, load=read_config)["worker.state-directory"])
    match arguments.action:
        case "reset":
            return _reset(path)
        case "verify":
            return _verify(path)
        case "restored":
            return _restored(path)
        case _:
            return _show(path, as_json=arguments.json)


def _reset(path: Path) -> int:
    look_into(path)
    state = open_state_directory(path)
    try:
        archived = state.archive_unread()
        forget_evicted(path)
    finally:
        state.close()
    print(f"archived as {archived}" if archived else f"{path} holds no cluster record")
    return 0


def _restored(path: Path) -> int:
    """Declare that the directory was put back from a copy; it is whole again as `seat` says."""
    look_into(path)
    state = open_state_directory(path)
    try:
        known = read_seat(path)
        if known is None or state.load_record() is None:
            print(f"{path} holds no cluster: there is nothing that it could have forgotten")
            return 0
        if not known.restored:
            state.trust(f"an operator has said so ({time.strftime('%F %T')})")
    finally:
        state.close()
    why = f" (it was known already: {known.restored})" if known.restored else ""
    print(f"{path} was restored from a copy{why}: {NO_VOTE}")
    return 0


def _verify(path: Path) -> int:
    state = look_into(path)
    problems = verify(state)
    for each in problems:
        print(each)
    if problems:
        return DamagedStateError.exit_code
    print(f"{path}: no damage")
    return 0


def _show(path: Path, *, as_json: bool) -> int:
    state = look_into(path)
    record = state.load_record()
    if as_json:
        print(json.dumps(unstructure(record), indent=2, ensure_ascii=False))
        return 0
    print(f"state directory {path}")
    print(_described(record) if record is not None else "no cluster record")
    if (seat := read_seat(path)) is not None and seat.restored:
        print(f"restored    {seat.restored}: {NO_VOTE}")
    if record is not None and record.state is not RecordState.PREPARED:
        store = inspect_checkpoints(state.checkpoints_path, record.cluster_id)
        try:
            print(_checkpoints(store))
        finally:
            store.close()
        if kept := _kept(state.cluster_path):
            print(kept)
    for archive in state.archives():
        print(f"archived: {archive.name}{_damage(state, archive)}")
    return 0


def _checkpoints(store: CheckpointStore) -> str:
    names = {number: name for name, number in store.kept.items()}
    rows = [
        (
            str(each),
            "committed" if each.number <= store.committed.number else "not known committed",
            store.size_bytes(each.number),
            names.get(each.number, ""),
        )
        for each in store.held
    ]
    listed = table(("checkpoint", "state", "bytes", "kept as"), rows)
    return f"round       {store.round}\n{listed}"


def _kept(path: Path) -> str:
    """What sources and sinks keep: journals, and records that are to be published."""
    rows = []
    for what in ("source", "sink"):
        for directory in sorted((path / f"{what}s").glob("*/")):
            sizes = [size for each in directory.rglob("[!.]*") if (size := _size_of(each))]
            if sizes:
                rows.append((f"{what} {directory.name}", len(sizes), sum(sizes)))
    return table(("kept for", "files", "bytes"), rows) if rows else ""


def _size_of(path: Path) -> int:
    """The size of a file; 0 if it is none, or gone by now."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
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
