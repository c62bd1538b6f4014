"""`wallarooctl upgrade`: the cluster waits for a new version of its application, or no longer."""

import argparse
from pathlib import Path
from typing import Any

from wallarood.admin import client
from wallarood.admin.status import Status
from wallarood.cli.ctl.orders import timeout_flag, wait_for_checkpoint
from wallarood.model.errors import RefusedError
from wallarood.planning.upgrade import kept_as, pending


def upgrade_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``upgrade``."""
    parser.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="NAME",
        help="what is kept of this computation or source may go; may be repeated",
    )
    parser.add_argument("--cancel", action="store_true", help="wait for no new version any longer")
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would be done, and change nothing"
    )
    timeout_flag(parser)


def upgrade(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Keep a checkpoint, after which workers may be started with a new version.

    Raises RefusedError: it is waited for already, or not. Raises PeersGoneError: not done in time.
    """
    status = client.status(path)
    kept = dict(status.checkpoint.kept)
    waiting = [name for name in kept if pending([name]) is not None]
    if chosen.cancel:
        if not waiting:
            raise RefusedError("the cluster waits for no new version: there is nothing to cancel")
        if chosen.dry_run:
            text = "the cluster would wait for no new version any longer"
            return {"cancelling": waiting}, text
        for name in waiting:
            client.drop(path, name)
        gone = set(waiting)
        wait_for_checkpoint(path, chosen.timeout, lambda now: not gone & {*dict(now.kept)})
        return {"cancelled": waiting}, "the cluster waits for no new version any longer"
    if waiting:
        raise RefusedError(
            f"the cluster waits for a new version already, from checkpoint {kept[waiting[0]]}: "
            "restart the workers with it, or end that with wallarooctl upgrade --cancel"
        )
    if chosen.dry_run:
        return _planned(status, chosen.drop)
    keep = kept_as(chosen.drop)
    after = client.checkpoint(path, keep=keep)
    now = wait_for_checkpoint(
        path,
        chosen.timeout,
        lambda now: (
            dict(now.kept).get(keep, now.committed + 1) <= now.committed and now.committed > after
        ),
    )
    number = dict(now.kept)[keep]
    return {"checkpoint": number, "drop": chosen.drop}, (
        f"checkpoint {number} is kept, and the cluster waits for a new version: install it on each "
        "host, run 'wallarood check --upgrade' there, and restart the worker. The cluster goes on "
        "when all have restarted."
    )


def _planned(status: Status, drop: list[str]) -> tuple[Any, str]:
    """What an upgrade would do, as a value and for a person."""
    workers = [each.name for each in status.workers]
    away = [each.name for each in status.workers if each.state == "away"]
    plan = {"epoch": status.epoch, "restart": workers, "away": away, "drop": drop}
    lines = [
        f"a checkpoint would be kept, and the cluster would wait in epoch {status.epoch}",
        f"to be restarted with the new version: {', '.join(workers)}",
        "sources would pause from the first restart to the last; nothing moves between workers",
        f"what would be lost: {', '.join(drop) or 'nothing'}; whether the new version can read "
        "what is stored: wallarood check --upgrade on each host",
    ]
    if away:
        lines.append(f"all workers must be connected; missing: {', '.join(away)}")
    return plan, "\n".join(lines)
