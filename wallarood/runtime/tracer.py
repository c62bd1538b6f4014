"""What is told of the steps of a worker, where they are traced; nothing is told where they are not.

Only what is asked to trace pays for it: a worker without a tracer asks once a step of its decisions
and once a round whether there is one, and the road of records does not know of it at all.
"""

from collections.abc import Sequence
from typing import Protocol

from wallarood.control.effects import ShellEffect
from wallarood.control.events import Event
from wallarood.runtime.dataflow.job import Job


class Tracer(Protocol):
    """Takes note of rounds, checkpoints and batches. It never raises, and never waits."""

    def stepped(self, event: Event, effects: Sequence[ShellEffect]) -> None:
        """The node has taken *event*; its *effects* are carried out next."""

    def built(self, job: Job) -> None:
        """*job* stands, and none of its tasks has begun: stand-ins can be put into them."""

    def ready(self, round_: int) -> None:
        """The job of this round runs."""
