"""`--chaos`: kill the workers of a local cluster while its job runs, and start them again.

Theory of operation
===================
Strikes follow each other at random intervals from a seeded generator: the same seed kills the same
workers after the same pauses. Most strikes wait until all workers run again; some come at once, in
the middle of a recovery. After two strikes without a checkpoint between them, the next one waits
for one: else a job that goes back further than it comes would never end. The workers stay when
their job is completed, so that a worker killed in the last moment finds the others, and all are
ended together.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import attrs
import trio

from wallarood.admin.status import JobState
from wallarood.model.ids import WorkerName

CONFIG = """
[checkpoint]
interval = "400ms"

[timing]
liveness-deadline = "2s"
heartbeat = "200ms"
name-taken-wait = "500ms"
connect-backoff-max = "200ms"
"""
"""What the workers run with: a short interval, since what came after the last one is made again."""
CALM = """
[checkpoint]
interval = "1s"
"""
"""What they run with when no worker is killed: results appear within a second or so."""

PAUSE_S = (0.2, 1.5)
AT_ONCE = (1, 1, 1, 2, 3)
SOON = 0.25
"""The share of strikes that do not wait until the one before is mended."""
IN_VAIN_MAX = 2
"""How many strikes may follow each other without a checkpoint committed between them."""


class Victims(Protocol):
    """The workers, as chaos sees them."""

    async def look(self) -> Sequence[JobState | None]:
        """Ask each worker what it does; None: it does not answer."""

    def committed(self) -> int:
        """The highest checkpoint that a worker is known to have called committed."""

    def kill(self, worker: WorkerName) -> bool:
        """SIGKILL, and another start; False if there is no process at the moment."""


@attrs.define(eq=False)
class Chaos:
    """What was done to *workers*. `say` gets a line for each strike."""

    seed: int
    workers: tuple[WorkerName, ...]
    say: Callable[[str], None]
    kills: Counter[WorkerName] = attrs.field(factory=Counter, init=False)
    recoveries: int = attrs.field(default=0, init=False)
    _struck_at: float | None = attrs.field(default=None, init=False)
    _in_vain: int = attrs.field(default=0, init=False)
    """How many strikes there were since the last progress."""
    _before: int = attrs.field(default=0, init=False)
    """The highest checkpoint that was committed at the last strike."""

    async def strike_until_completed(self, victims: Victims) -> None:
        """Kill and wait, until the job has come to its end on some worker; then let all end."""
        rng = random.Random(self.seed)
        while True:
            in_vain = self._in_vain >= IN_VAIN_MAX
            if self._struck_at is None or rng.random() > SOON or in_vain:
                await self._until(victims, _settled)
                self._mended()
            if in_vain:
                await self._until(victims, lambda states: self._may_strike(victims, states))
            # After the recovery: on a slow machine, too, something is done between two strikes.
            await trio.sleep(rng.uniform(*PAUSE_S))
            if JobState.COMPLETED in await victims.look():
                break
            self._in_vain = 0 if self._moved(victims) else self._in_vain
            self._strike(victims, rng)
        await self._until(victims, lambda states: all(s is JobState.COMPLETED for s in states))
        self._mended()

    def _strike(self, victims: Victims, rng: random.Random) -> None:
        number = min(rng.choice(AT_ONCE), len(self.workers))
        committed = victims.committed()
        struck = [name for name in rng.sample(self.workers, number) if victims.kill(name)]
        self.kills.update(struck)
        if struck:
            self.say(f"chaos: SIGKILL {', '.join(struck)}")
            self._struck_at = trio.current_time()
            self._in_vain += 1
            self._before = max(self._before, committed)

    def _moved(self, victims: Victims) -> bool:
        """Whether a checkpoint was committed since the last strike."""
        return victims.committed() > self._before

    def _may_strike(self, victims: Victims, states: Sequence[JobState | None]) -> bool:
        """Whether the job has come further than at the last strike, or to its end."""
        return JobState.COMPLETED in states or (_settled(states) and self._moved(victims))

    def _mended(self) -> None:
        if self._struck_at is not None:
            took_s = trio.current_time() - self._struck_at
            self.say(f"chaos: recovered {took_s:.1f} s after the last kill")
            self._struck_at = None
            self.recoveries += 1

    async def _until(
        self, victims: Victims, condition: Callable[[Sequence[JobState | None]], bool]
    ) -> None:
        while not condition(await victims.look()):
            pass

    @property
    def summary(self) -> str:
        """What was done, in a line."""
        each = ", ".join(f"{name} {self.kills[name]}" for name in self.workers if self.kills[name])
        kills, times = self.kills.total(), self.recoveries
        return (
            f"chaos: {kills} {'kill' if kills == 1 else 'kills'}{f' ({each})' if each else ''}, "
            f"{times} {'recovery' if times == 1 else 'recoveries'}, --seed {self.seed}"
        )


def _settled(states: Sequence[JobState | None]) -> bool:
    """Whether all run, or the job has come to its end on some worker."""
    return all(each is JobState.RUNNING for each in states) or JobState.COMPLETED in states
