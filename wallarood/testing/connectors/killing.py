"""Trials in which a process that publishes dies: by itself at each step, or at any moment."""

import os
import pickle
import random
import signal
import subprocess
import sys
from functools import partial

import trio

from wallarood.testing.connectors.lives import Life

CHILD_S = 120.0
DELAY_MAX_S = 0.05


async def publish_and_die(life: Life, *, die_at: int = 0, delay_s: float | None = None) -> bool:
    """Publish in a process of its own that dies at a step, or after a delay; whether it did.

    Raises AssertionError: it has failed; what it said is in the message.
    """
    return await trio.to_thread.run_sync(partial(_run, life, die_at, delay_s=delay_s))


def _run(life: Life, die_at: int, *, delay_s: float | None) -> bool:
    try:
        wanted = pickle.dumps((life, die_at))
    except Exception as error:
        raise AssertionError(
            f"the sink must be a value that can be pickled, so that a process of its own can be "
            f"killed while it publishes: {error}"
        ) from error
    command = [sys.executable, "-m", "wallarood.testing.connectors.child"]
    paths = os.pathsep.join(each for each in sys.path if each)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(wanted)
        process.stdin.close()
        process.stdin = None
        if delay_s is not None and process.stdout.readline():
            try:
                process.wait(delay_s)
            except subprocess.TimeoutExpired:
                process.kill()
        try:
            _, said = process.communicate(timeout=CHILD_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"publishing has not ended within {CHILD_S:.0f} s") from None
    if process.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(f"publishing has failed:\n{said.decode(errors='replace')[-3000:]}")
    return process.returncode != 0


def any_delay() -> float:
    """How long a process may publish before it is killed."""
    return random.uniform(0, DELAY_MAX_S)
