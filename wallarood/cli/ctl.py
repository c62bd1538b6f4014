"""`wallarooctl`: asks a worker how it does, or gives it an order, through its admin socket."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import wallarood
from wallarood.admin import client
from wallarood.admin.text import cluster_text, topology_table, workers_table
from wallarood.admin.watermarks import watermarks_text
from wallarood.cli.ctl_orders import checkpoint, reload, shutdown
from wallarood.cli.main import Parser, parsed
from wallarood.model.errors import PeersGoneError, UsageError, WallaroodError
from wallarood.model.topology import Topology
from wallarood.outlet import open_standard_streams, use_outlet
from wallarood.runtime.timing.clock import wall_clock
from wallarood.wire.strict import unstructure

SOCKET = "admin.sock"
PROBE_S = 1.0
SEARCHED = (".wallarood", "/run/wallarood", "/var/lib/wallarood")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = Parser("wallarooctl", description="Inspect and control a worker.")
    top.add_argument("--version", action="version", version=f"wallarooctl {wallarood.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, text) in COMMANDS.items():
        one = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        one.add_argument("--socket", type=Path, metavar="PATH", help="the worker's admin socket")
        one.add_argument(
            "--state-directory", type=Path, metavar="DIR", help="the worker's state directory"
        )
        one.add_argument(
            "--worker", metavar="NAME", help="which worker, if several run on this host"
        )
        one.add_argument("--json", action="store_true", help="print JSON")
        if name in ("checkpoint", "shutdown"):
            one.add_argument(
                "--timeout",
                type=float,
                default=60.0,
                metavar="SECONDS",
                help="how long to wait for the result (default 60)",
            )
    named = commands.choices["checkpoint"].add_mutually_exclusive_group()
    named.add_argument(
        "--keep", metavar="NAME", default="", help="keep the checkpoint under this name"
    )
    named.add_argument(
        "--drop", metavar="NAME", default="", help="drop the checkpoint kept under this name"
    )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    if arguments is None:
        open_standard_streams()
        use_outlet()
    try:
        chosen = parsed(parser(), sys.argv[1:] if arguments is None else arguments)
    except SystemExit as end:
        return 64 if end.code else 0
    try:
        answer, _ = COMMANDS[chosen.command]
        value, text = answer(find_socket(chosen), chosen)
        print(json.dumps(value, indent=2) if chosen.json else text, flush=True)
    except WallaroodError as error:
        print(f"wallarooctl: error: {error.message}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return 0


def _status(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    cluster = client.cluster(path)
    value = unstructure(cluster)
    return {**value.pop("asked"), **value}, cluster_text(cluster)


def _topology(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    topology = client.topology(path)
    return unstructure(topology), _topology_text(topology)


def _topology_text(topology: Topology) -> str:
    return (
        f"application: {topology.application}\nepoch:       {topology.epoch}\n"
        f"led by:      {topology.leader}\n\n{topology_table(topology)}"
    )


def _workers(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    status = client.status(path)
    return unstructure(status.workers), workers_table(status)


def _watermarks(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    cluster = client.cluster(path)
    value: list[dict[str, Any]] = [
        {"source": each.source, "partition": each.partition, "worker": each.worker}
        | {"state": each.condition, "watermark": each.watermark}
        for status in (cluster.asked, *cluster.others)
        for each in status.sources
        if each.condition
    ]
    stages: list[dict[str, Any]] = [
        {"stage": each.index, "name": each.name, "worker": status.worker}
        | {"watermark": each.watermark, "late": dict(each.late)}
        for status in (cluster.asked, *cluster.others)
        for each in status.stages
    ]
    return {"partitions": value, "stages": stages}, watermarks_text(cluster, wall_clock())


COMMANDS: dict[str, tuple[Callable[[Path, argparse.Namespace], tuple[Any, str]], str]] = {
    "status": (_status, "show the state of a worker and what the cluster has read"),
    "topology": (_topology, "show the stages of the cluster and where they run"),
    "workers": (_workers, "show the members of the cluster, as one of them sees them"),
    "watermarks": (_watermarks, "show how far event time has come, and who holds it"),
    "checkpoint": (checkpoint, "take a checkpoint now, keep one by name, or drop a kept one"),
    "reload": (reload, "reload the configuration files"),
    "shutdown": (shutdown, "take a checkpoint, then stop all workers of the cluster"),
}


def find_socket(chosen: argparse.Namespace) -> Path:
    """The admin socket that the flags mean, or the only one that answers here.

    Raises UsageError: several answer; PeersGoneError: none does.
    """
    if chosen.socket is not None:
        return Path(chosen.socket)
    if chosen.state_directory is not None:
        return Path(chosen.state_directory) / SOCKET
    places = [Path(place) for place in SEARCHED]
    found = [path for path in candidates(places) if chosen.worker in (None, path.parent.name)]
    answering = [path for path in found if _answers(path)]
    if len(answering) == 1:
        return answering[0]
    if answering:
        listed = "\n".join(f"  --worker {each.parent.name}   ({each})" for each in answering)
        raise UsageError(f"{len(answering)} workers answer here; choose one:\n{listed}")
    wanted = f"worker {chosen.worker}" if chosen.worker else "a worker"
    raise PeersGoneError(
        f"{wanted} was not found: nothing answers below {', '.join(SEARCHED)}; "
        "say where it is with --state-directory or --socket"
    )


def candidates(places: Sequence[Path]) -> list[Path]:
    """All admin sockets in the directories *places* and directly below them."""
    found = []
    for place in places:
        try:
            found += [*place.glob(SOCKET), *sorted(place.glob(f"*/{SOCKET}"))]
        except OSError:
            continue
    return found


def _answers(path: Path) -> bool:
    try:
        client.status(path, timeout_s=PROBE_S)
    except client.NotAnsweringError:
        return False
    except client.NotNowError:
        return True
    return True


if __name__ == "__main__":
    sys.exit(main())
