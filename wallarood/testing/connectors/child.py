"""A process that publishes what a sink has prepared, and is killed on the way.

It is told what to do by a pickle on its standard input, and kills itself at step `die_at`: before
and after each call of the target is one. It says "publishing" when it begins, for the one who kills
it at any other moment.
"""

import os
import pickle
import signal
import sys
from typing import Any

import attrs
import trio

from wallarood.connectors.spool.target import Marker, Target
from wallarood.connectors.spool.writer import SpooledWriter
from wallarood.testing.connectors.lives import Life


@attrs.define(eq=False)
class Mortal:
    """A target whose process dies at step `die_at`."""

    target: Target
    die_at: int
    step: int = 0

    def _step(self) -> None:
        self.step += 1
        if self.step == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    async def marker(self) -> Marker | None:
        """See `Target.marker`."""
        self._step()
        found = await self.target.marker()
        self._step()
        return found

    async def apply(self, records: list[Any], expected: Marker, new: Marker) -> None:
        """See `Target.apply`."""
        self._step()
        await self.target.apply(records, expected, new)
        self._step()


async def publish(life: Life, die_at: int) -> None:
    """Publish what *life* has committed."""
    writer = await life.open()
    if isinstance(writer, SpooledWriter):
        writer.target = Mortal(writer.target, die_at)
    print("publishing", flush=True)
    await life.publish(writer)


if __name__ == "__main__":
    trio.run(publish, *pickle.load(sys.stdin.buffer))
