"""`wallarooctl grow`, `shrink`, `evict`, `replace`: workers come and go; what becomes of it."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from wallarood.admin import client
from wallarood.admin.status import ClusterStatus
from wallarood.cli.ctl.orders import given
from wallarood.cli.ctl.outcomes import has_forgotten, is_done, is_over
from wallarood.cli.ctl.plans import shown, weighed
from wallarood.cli.ctl.watching import seconds
from wallarood.model.errors import PeersGoneError, RefusedError, UsageError

LOOK_S = 0.1
GOES_ON = "the change goes on, and wallarooctl status shows how far it is"
ENDED_S = 10.0
"""A worker that does not answer for so long, and was to leave, has left."""


def grow_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``grow``."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="a worker that would join")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would move, and change nothing"
    )


def shrink_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``shrink``."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a worker that leaves, if not --to"
    )
    parser.add_argument(
        "--to",
        metavar="N",
        help="in place of names: how many workers stay, the first ones of 'wallarooctl workers'",
    )
    _common_flags(parser)


def check_shrink(chosen: argparse.Namespace) -> None:
    """Raises UsageError: it is not said, or said twice, who leaves."""
    if bool(chosen.names) == (chosen.to is not None):
        raise UsageError("shrink NAME... or shrink --to N: expected one of both")


def evict_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``evict``."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="a worker that is lost for good")
    parser.add_argument(
        "--certified-dead",
        action="store_true",
        help="it is known to be dead: needed if no majority is left, as of two; see wallarooctl(1)",
    )
    parser.add_argument(
        "--lose-output",
        action="store_true",
        help="continue although output that only it could publish is lost",
    )
    _back_flag(parser)
    _common_flags(parser)


def replace_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``replace``."""
    parser.add_argument("names", nargs=1, metavar="NAME", help="the worker whose disk is lost")
    parser.add_argument(
        "--certified-dead",
        action="store_true",
        help="the lost one is known to be dead: needed if no majority is left, as of two",
    )
    parser.add_argument(
        "--lose-output",
        action="store_true",
        help="continue although output that only the lost disk had is lost",
    )
    _back_flag(parser)
    _common_flags(parser)


def _back_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--back-to",
        metavar="N",
        help="where no copy of a later one is left: go back to checkpoint N, lose what came after",
    )


def _common_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would move, and change nothing"
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=300.0,
        metavar="SECONDS",
        help="how long to wait for the result (default 300)",
    )


def grow(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Say what would move if workers joined. Raises RefusedError: they cannot, or are to."""
    if not chosen.dry_run:
        raise RefusedError(
            f"a worker joins by itself: start {chosen.names[0]} with --join (worker.join); "
            f"what would move says wallarooctl grow --dry-run {' '.join(chosen.names)}"
        )
    plan = _weighed(path, client.grow(path, *chosen.names))
    return plan, "\n".join([*shown(plan), "nothing would be lost"])


def shrink(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Have workers leave. Raises RefusedError: they cannot. Raises PeersGoneError: not in time."""
    wanted = {"to": chosen.to} if chosen.to is not None else {"names": ",".join(chosen.names)}
    if chosen.dry_run:
        plan = _weighed(path, client.shrink(path, **wanted, **{"dry-run": "1"}))
        return plan, "\n".join([*shown(plan), "nothing would be lost"])
    answer = client.shrink(path, **wanted)
    leaving = set(answer["leaving"])
    with given(GOES_ON):
        wait_for_change(path, chosen.timeout, answer)
    left = ", ".join(sorted(leaving))
    return {"left": sorted(leaving), **answer}, f"{left} left the cluster"


def evict(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Go on without lost workers. Raises as `shrink`."""
    wanted = _wanted(chosen)
    if chosen.dry_run:
        plan = _weighed(path, client.evict(path, **wanted, **{"dry-run": "1"}))
        return plan, "\n".join([*shown(plan), _lost(plan)])
    _certify(chosen)
    answer = client.evict(path, **wanted)
    with given(GOES_ON):
        wait_for_change(path, chosen.timeout, answer)
    gone = ", ".join(sorted(answer["leaving"]))
    return {
        "evicted": sorted(answer["leaving"]),
        **answer,
    }, f"{gone} is no longer a member of the cluster"


def replace(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Let another disk take the place of a lost one. Raises as `shrink`."""
    (name,) = chosen.names
    wanted = _wanted(chosen)
    if chosen.dry_run:
        plan = client.replace(path, **wanted, **{"dry-run": "1"})
        lost = ", ".join(plan["output"]) or "none"
        lines = [
            f"{name} would be put together from the copy on {plan['copy']}",
            f"output of these steps may be lost where it was written: {lost}",
            *at_risk(plan),
        ]
        return plan, "\n".join(lines)
    _certify(chosen)
    answer = client.replace(path, **wanted)
    text = f"waiting for {name}: start it with an empty state directory and worker.join (--join)"
    print(text, file=sys.stderr, flush=True)
    with given(f"{name} takes its place when it is started so"):
        wait_for_change(path, chosen.timeout, {**answer, "leaving": []})
    return answer, f"{name} has taken the place of the one that was lost"


def _wanted(chosen: argparse.Namespace) -> dict[str, str]:
    """What is said of lost workers, as the worker that is asked takes it."""
    wanted = {"names": ",".join(chosen.names)}
    wanted |= {"certified": "1"} if chosen.certified_dead else {}
    wanted |= {"lose-output": "1"} if chosen.lose_output else {}
    return wanted | ({"back-to": chosen.back_to} if chosen.back_to else {})


def _certify(chosen: argparse.Namespace) -> None:
    """Say what `--certified-dead` means; at a terminal, ask. Raises RefusedError: not confirmed."""
    if not chosen.certified_dead:
        return
    names = ", ".join(chosen.names)
    print(
        f"{names} is taken to be dead, and its vote is not needed: if it still runs and the same "
        "is said there of the workers here, the cluster splits into two that both go on",
        file=sys.stderr,
        flush=True,
    )
    if not sys.stdin.isatty():
        return
    print(f"Type the name to confirm ({names}): ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != names:
        raise RefusedError("not confirmed: nothing was done")


def _weighed(path: Path, plan: dict[str, Any]) -> dict[str, Any]:
    return weighed(plan, client.cluster(path), client.topology(path))


def _lost(plan: dict[str, Any]) -> str:
    """What an eviction would lose, for a person."""
    gone, lines = ", ".join(plan["leaving"]), at_risk(plan)
    if plan["output"]:
        lines.append(
            f"what {gone} had published through {', '.join(plan['output'])} is on its disk only, "
            "and so may be what it had committed and not published: expected --lose-output"
        )
    return "\n".join(lines or ["nothing would be lost"])


def at_risk(plan: dict[str, Any]) -> list[str]:
    """What was acknowledged that may be on no disk that is left, in lines."""
    return [
        f"what source {each['source']!r} on {each['worker']} has acknowledged since checkpoint "
        f"{each['back_to']} may be there and on {each['holder']} only: "
        f"expected --back-to {each['back_to']}"
        for each in plan.get("at_risk", ())  # a worker of an older version does not say
    ]


def wait_for_change(path: Path, timeout_s: float, answer: dict[str, Any]) -> None:
    """Wait until the leavers are no members any more, as the worker says that was asked.

    Each step of the change goes to stderr.

    It restarts for the new epoch, and does not answer meanwhile; if it leaves itself, it ends.
    """
    leaving, name = set(answer["leaving"]), answer["name"]
    now = time.monotonic()
    until, heard, asked, said_last = now + timeout_s, now, "", ""
    while time.monotonic() < until:
        elapsed_s = time.monotonic() - now
        try:
            cluster = client.cluster(path)
            status = client.status(path)  # that of the cluster may be older than what was asked
        except client.NotAnsweringError:
            if asked in leaving and time.monotonic() - heard > ENDED_S:
                return
            time.sleep(LOOK_S)
            continue
        heard, asked = time.monotonic(), status.worker
        if (text := progress(cluster)) not in ("", said_last):
            print(text, file=sys.stderr, flush=True)
            said_last = text
        if is_done(status, answer["epoch"], leaving, replacing=answer.get("replacing", "")):
            return
        if has_forgotten(status, answer["epoch"], elapsed_s):
            raise PeersGoneError(
                f"{status.worker} restarted before the change was decided, and forgot it: ask again"
            )
        said = next((each for each in reversed(status.changes) if each.name == name), None)
        if said is not None and not said.taken:
            raise RefusedError(said.text)
        if not text and is_over(status, answer["epoch"], answer.get("round")):
            raise PeersGoneError(
                "the cluster recovered before the change was decided, and nothing came of it: "
                "ask again"
            )
        time.sleep(LOOK_S)
    raise PeersGoneError(f"not done within {timeout_s:g} s; wallarooctl status says how far it is")


def progress(cluster: ClusterStatus) -> str:
    """How far a change is: what moves, and else what is waited for; empty if nothing is said."""
    moving = [each.moving for each in cluster.workers if each.moving]
    return "; ".join(moving or cluster.asked.waiting_for)
