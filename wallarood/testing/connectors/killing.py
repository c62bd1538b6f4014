"""Ways to end what is at work: a process by SIGKILL, a call by cancelling it where it waits."""

import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import attrs
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


async def cancelled_at(call: Callable[[], Awaitable[object]], turn: int) -> bool:
    """Call, and cancel at the time of number *turn* that it waits; whether that came to be."""
    watch = _Watch(trio.lowlevel.current_task(), turn, trio.CancelScope())
    trio.lowlevel.add_instrument(watch)
    try:
        with watch.scope:
            await call()
    finally:
        trio.lowlevel.remove_instrument(watch)
    return watch.scope.cancelled_caught


@attrs.define(eq=False)
class _Watch(trio.abc.Instrument):
    """Cancels *scope* at the time of number *left* that a task stops to wait."""

    task: trio.lowlevel.Task
    left: int
    scope: trio.CancelScope

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        if task is self.task:
            if self.left == 0:
                self.scope.cancel()
            self.left -= 1
