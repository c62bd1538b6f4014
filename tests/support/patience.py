"""How long a test waits for what must come: longer where the machine is slow.

WALLAROOD_TEST_PATIENCE is how many times as long is waited in any case.
"""
# Theory of operation
# ===================
# What is waited for takes as many times longer as the machine is slower, by its processors or by
# what else they have to do. A bound that suits all would be minutes for what takes a second. So a
# wait that comes to its end measures how slow the machine is then, by work of known length, and
# lasts as many times as long. Nothing is measured where all comes in time.

import contextlib
import os
import time
from collections.abc import Iterator

import attrs
import trio
import trio.testing

PATIENCE = float(os.environ.get("WALLAROOD_TEST_PATIENCE", "1"))
WAIT_S = 30.0
STEPS = 1_000_000
STEPS_S = 0.125
"""How long so many steps take where a processor is free."""
TURNS = 4
SLOWEST = 10.0


def slowness() -> float:
    """How many times slower the machine is now than one on which the waits are enough."""
    began = time.perf_counter()
    total = 0
    for number in range(TURNS * STEPS):
        total += number * number % 7
    return min(SLOWEST, max(1.0, (time.perf_counter() - began) / (TURNS * STEPS_S)))


@attrs.define
class Wait:
    """A wait of *wait_s*, which has begun."""

    wait_s: float = WAIT_S
    ends_after_s: float = attrs.field(init=False)
    _began: float = attrs.field(factory=time.monotonic, init=False)
    _measured: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.ends_after_s = self.wait_s * PATIENCE

    def left_s(self) -> float:
        """How much of it is left; 0 at the end."""
        left = self._began + self.ends_after_s - time.monotonic()
        if left <= 0 and not self._measured:
            self._measured = True
            self.ends_after_s *= slowness()
            left = self._began + self.ends_after_s - time.monotonic()
        return max(0.0, left)


def in_time(began: float, bound_s: float) -> bool:
    """Whether *bound_s* has not passed since *began* (monotonic), as slow as the machine is."""
    took_s = time.monotonic() - began
    return took_s < bound_s or took_s < bound_s * slowness()


@contextlib.contextmanager
def patiently(wait_s: float = WAIT_S) -> Iterator[None]:
    """`trio.fail_after`, which ends as a `Wait` does; where time is made up, that itself."""
    if isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock):
        with trio.fail_after(wait_s):
            yield
        return
    wait, waiting, watching = Wait(wait_s), trio.CancelScope(), trio.CancelScope()

    async def watch() -> None:
        with watching:
            while left_s := wait.left_s():  # noqa: ASYNC110 - it may last longer than it did
                await trio.sleep(left_s)
            waiting.cancel()

    trio.lowlevel.spawn_system_task(watch)
    try:
        with waiting:
            yield
    finally:
        watching.cancel()
    if waiting.cancelled_caught:
        raise trio.TooSlowError(f"not within {wait.ends_after_s:.0f} s")
