"""`wallarooctl upgrade`: the cluster waits for a new version of its application, or no longer."""

import argparse
from pathlib import Path
from typing import Any

from wallarood.admin import client
from wallarood.admin.status import Status
from wallarood.cli.ctl.changing import GOES_ON, wait_for_change
from wallarood.cli.ctl.orders import given, is_kept, timeout_flag, wait_for_checkpoint
from wallarood.model.errors import RefusedError, UsageError
from wallarood.planning.back import ORDERED
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
    parser.add_argument("--cancel", action="store_true", help="stop waiting for a new version")
    parser.add_argument(
        "--back",
        action="store_true",
        help="go back to the last checkpoint of the version before the upgrade",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would be done, and change nothing"
    )
    timeout_flag(parser)


def check_upgrade(chosen: argparse.Namespace) -> None:
    """Raises UsageError: these flags do not go together."""
    if chosen.back and (chosen.cancel or chosen.drop):
        raise UsageError("upgrade --back: expected it alone, or with --dry-run")


def upgrade(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Keep a checkpoint, after which workers may be started with a new version.

    Raises RefusedError: it is waited for already, or not. Raises PeersGoneError: not done in time.
    """
    if chosen.back:
        return _back(path, chosen)
    status = client.status(path)
    kept = dict(status.checkpoint.kept)
    waiting = [name for name in kept if pending([name]) is not None]
    if chosen.cancel:
        return _cancel(path, chosen, [name for name in kept if name in (*waiting, ORDERED)])
    if waiting:
        return _again(path, chosen, kept[waiting[0]])
    if chosen.dry_run:
        return _planned(status, chosen.drop)
    number = _keep(path, chosen, kept_as(chosen.drop))
    return {"checkpoint": number, "drop": chosen.drop}, (
        f"checkpoint {number} is kept, and the cluster waits for a new version: install it on each "
        "host, run 'wallarood check --upgrade' there, and restart the worker. The cluster goes on "
        "when all have restarted."
    )


def _keep(path: Path, chosen: argparse.Namespace, name: str) -> int:
    """Have a checkpoint taken and kept as *name*; returns its number."""
    after = client.checkpoint(path, keep=name)
    now = wait_for_checkpoint(path, chosen.timeout, lambda now: is_kept(now, name, after=after))
    return dict(now.kept)[name]


def _cancel(path: Path, chosen: argparse.Namespace, waiting: list[str]) -> tuple[Any, str]:
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


def _again(path: Path, chosen: argparse.Namespace, number: int) -> tuple[Any, str]:
    """The cluster waits for a new version: if that runs on all workers, it is tried once more."""
    try:
        answer = client.upgrade(path, **({"dry-run": "1"} if chosen.dry_run else {}))
    except client.NotNowError as error:
        raise RefusedError(
            f"the cluster waits for a new version already, from checkpoint {number}: restart the "
            "workers with it, or end that with wallarooctl upgrade --cancel; "
            f"{str(error).removeprefix(f'{path}: ')}"
        ) from error
    if chosen.dry_run:
        return answer, "the upgrade that is waited for would be tried again"
    with given(GOES_ON):
        wait_for_change(path, chosen.timeout, {**answer, "leaving": []})
    return answer, f"the new version runs, in epoch {answer['epoch'] + 1}"


def _back(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Go back to the version before the last upgrade, or wait for that. Raises as `upgrade`."""
    answer = client.upgrade(path, back="1", **({"dry-run": "1"} if chosen.dry_run else {}))
    where = f"checkpoint {answer['checkpoint']}, the last of the version before the upgrade"
    if chosen.dry_run:
        return answer, "\n".join(_lost(answer, where))
    if "accepted" in answer:
        with given(GOES_ON):
            wait_for_change(path, chosen.timeout, {**answer, "leaving": []})
        return answer, f"the cluster went back to {where}, in epoch {answer['epoch'] + 1}"
    restart = ", ".join(answer["restart"])
    try:
        _keep(path, chosen, ORDERED)
    except client.NotNowError as error:
        raise RefusedError(
            f"another version runs on {restart}: install the version before the upgrade there, "
            "restart, and say wallarooctl upgrade --back again"
        ) from error
    return answer, (
        f"the cluster goes back to {where}, when that version runs on all workers: install it on "
        f"the hosts of {restart}, and restart them; wallarooctl upgrade --cancel ends the waiting"
    )


def _lost(plan: dict[str, Any], where: str) -> list[str]:
    """What is lost on the way back, and what is made again, for a person."""
    restart, until = ", ".join(plan["restart"]), plan["committed"]
    since = f"what was published since (by checkpoint {until})" if until else "what came after"
    return [
        f"the cluster would go back to {where}, in epoch {plan['from'] + 1}",
        f"to be restarted with that version: {restart or 'no worker'}",
        f"made again by it, as a new line of the output: {since}",
        f"lost: {'; '.join(plan['lost']) or 'nothing'}",
    ]


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
