"""The orders of `wallarooctl`: each is given, and then waited for until status shows it done."""

import argparse
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wallarood.admin import client
from wallarood.admin.status import CheckpointStatus
from wallarood.model.errors import PeersGoneError
from wallarood.wire.strict import unstructure

LOOK_S = 0.1


def checkpoint(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """Take a checkpoint, or drop a kept one. Raises PeersGoneError: it was not done in time."""
    if chosen.drop:
        client.drop(path, chosen.drop)
        _wait(path, chosen.timeout, lambda now: chosen.drop not in dict(now.kept))
        return {"dropped": chosen.drop}, f"checkpoint {chosen.drop!r} is kept no longer"
    after = client.checkpoint(path, keep=chosen.keep)
    now = _wait(
        path,
        chosen.timeout,
        lambda now: (
            now.committed > after
            and (
                not chosen.keep
                or dict(now.kept).get(chosen.keep, now.committed + 1) <= now.committed
            )
        ),
    )
    number = dict(now.kept)[chosen.keep] if chosen.keep else now.committed
    kept = f", kept as {chosen.keep!r}" if chosen.keep else ""
    return {"checkpoint": number, **unstructure(now)}, f"checkpoint {number} is committed{kept}"


def reload(path: Path, _: argparse.Namespace) -> tuple[Any, str]:
    """Have the configuration read again. Raises NotNowError: it is wrong, or needs a restart."""
    changed = client.reload(path)
    return {"changed": changed}, f"reloaded; changed: {', '.join(changed) or 'nothing'}"


def shutdown(path: Path, chosen: argparse.Namespace) -> tuple[Any, str]:
    """End the cluster. Raises PeersGoneError: the worker has not ended in time."""
    client.shutdown(path)
    until = time.monotonic() + chosen.timeout
    with contextlib.suppress(client.NotAnsweringError):
        while time.monotonic() < until:
            client.status(path)
            time.sleep(LOOK_S)
        raise PeersGoneError(f"the worker has not ended within {chosen.timeout:g} s")
    return {"ended": True}, "the cluster has ended"


def _wait(
    path: Path, timeout_s: float, done: Callable[[CheckpointStatus], bool]
) -> CheckpointStatus:
    until = time.monotonic() + timeout_s
    while True:
        now = client.status(path).checkpoint
        if done(now):
            return now
        if time.monotonic() > until:
            why = "; ".join(each for each in (now.waiting_for, now.failing) if each)
            raise PeersGoneError(f"not within {timeout_s:g} s{f': {why}' if why else ''}")
        time.sleep(LOOK_S)
