"""The orders of `wallarooctl`: each is given, and then waited for until status shows it done."""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wallarood.admin import client
from wallarood.admin.status import CheckpointStatus, JobState
from wallarood.cli.ctl.watching import seconds
from wallarood.model.errors import PeersGoneError, UsageError
from wallarood.wire.strict import unstructure

LOOK_S = 0.1
OTHERS_END_S = 10.0
"""A worker that is told to shut down waits at least so long for the others to end."""
GIVEN_UP = ("abandoned", "failed")
"""What `RunStatus.outcome` is of a checkpoint that may never be committed."""


@contextlib.contextmanager
def given(what_follows: str) -> Iterator[None]:
    """While it lasts an order is waited for that was given: Ctrl-C does not take it back."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"wallarooctl: interrupted, and the order stands: {what_follows}", file=sys.stderr)
        raise


def timeout_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag of an order that is waited for."""
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for the result (default 60)",
    )


def checkpoint_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``checkpoint``."""
    timeout_flag(parser)
    named = parser.add_mutually_exclusive_group()
    named.add_argument(
        "--keep", metavar="NAME", default="", help="keep the checkpoint under this name"
    )
    named.add_argument(
        "--drop", metavar="NAME", default="", help="drop the checkpoint kept under this name"
    )


def check_checkpoint(chosen: argparse.Namespace) -> None:
    """Raises UsageError: by that name the cluster would wait for another version."""
    from wallarood.planning.back import ORDERED
    from wallarood.planning.upgrade import pending

    if chosen.keep == ORDERED or pending([chosen.keep]) is not None:
        raise UsageError(
            f"--keep {chosen.keep!r}: by that name the cluster waits for another version of the "
            "application: choose another, or see wallarooctl upgrade"
        )


def checkpoint(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Take a checkpoint, or drop a kept one. Raises PeersGoneError: it was not done in time."""
    if chosen.drop:
        client.drop(path, chosen.drop)
        wait_for_checkpoint(path, chosen.timeout, lambda now: chosen.drop not in dict(now.kept))
        return {"dropped": chosen.drop}, f"dropped checkpoint {chosen.drop!r}"
    after = client.checkpoint(path, keep=chosen.keep)
    now = wait_for_checkpoint(
        path,
        chosen.timeout,
        lambda now: (
            is_kept(now, chosen.keep, after=after) if chosen.keep else now.committed > after
        ),
    )
    number = dict(now.kept)[chosen.keep] if chosen.keep else now.committed
    kept = f", kept as {chosen.keep!r}" if chosen.keep else ""
    return {"checkpoint": number, **unstructure(now)}, f"checkpoint {number} is committed{kept}"


def is_kept(now: CheckpointStatus, name: str, *, after: int) -> bool:
    """Whether a checkpoint above *after* is kept as *name*, and committed.

    One that was given up bears the name until the next one that is to bear it is taken, while a
    checkpoint for another purpose, between the two, may be committed.
    """
    number = dict(now.kept).get(name, after)
    given_up = {run.number for run in now.recent if run.outcome in GIVEN_UP}
    return after < number <= now.committed and number not in given_up


def reload(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    """Have the configuration read again. Raises NotNowError: it is wrong, or needs a restart."""
    changed = client.reload(path)
    return {"changed": changed}, f"reloaded; changed: {', '.join(changed) or 'nothing'}"


def shutdown(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """End the cluster. Raises PeersGoneError: not all of it, or without its last checkpoint."""
    now = before = client.status(path)
    states = {each.name: each.state for each in before.workers}
    committed = {before.checkpoint.committed}
    order = client.shutdown(path)
    began = time.monotonic()
    until = began + chosen.timeout
    stands = given("all workers stop")
    with stands, contextlib.suppress(client.NotAnsweringError):
        while time.monotonic() < until:
            now = client.status(path)
            states |= {each.name: each.state for each in now.workers}
            committed.add(now.checkpoint.committed)
            time.sleep(LOOK_S)
        raise PeersGoneError(f"the worker did not stop within {chosen.timeout:g} s")
    took_s = time.monotonic() - began
    # It waits so long for the others; if it has ended earlier, they have.
    patient = took_s > OTHERS_END_S
    ending = [name for name, state in states.items() if patient and state == "connected"]
    if order.absent or ending:
        raise PeersGoneError(_unended(states, order.absent, ending))
    last = max(committed)
    wanted = before.job is JobState.RUNNING and took_s >= order.within_s
    if wanted and last == before.checkpoint.committed:
        raise PeersGoneError(_without_checkpoint(last, now.checkpoint))
    return {"ended": True}, "the cluster has stopped"


def _without_checkpoint(committed: int, last: CheckpointStatus) -> str:
    why = last.failing or last.waiting_for
    return (
        "the cluster has stopped, but without a last checkpoint: when it is started, it goes on "
        f"from checkpoint {committed} and reads again what came after it"
        + (f"; the last that was said: {why}" if why else "")
    )


def _unended(states: dict[str, str], absent: tuple[str, ...], ending: list[str]) -> str:
    ended = [name for name in states if name not in (*absent, *ending)]
    parts = [f"not all workers have stopped. Stopped: {', '.join(ended)}"]
    if ending:
        parts.append(f"told to stop, but not seen to stop: {', '.join(ending)}")
    if absent:
        parts.append(
            f"not connected, so not told: {', '.join(absent)}; if such a worker runs or is "
            "started, it waits for the others: stop it on its host"
        )
    return "\n  ".join(parts)


def wait_for_checkpoint(
    path: Path, timeout_s: float, done: Callable[[CheckpointStatus], bool]
) -> CheckpointStatus:
    """Wait until it is *done*. Raises PeersGoneError: not in time."""
    until = time.monotonic() + timeout_s
    with given("wallarooctl status shows what comes of it"):
        while True:
            now = client.status(path).checkpoint
            if done(now):
                return now
            if time.monotonic() > until:
                why = "; ".join(each for each in (now.waiting_for, now.failing) if each)
                raise PeersGoneError(f"not done within {timeout_s:g} s{f': {why}' if why else ''}")
            time.sleep(LOOK_S)
