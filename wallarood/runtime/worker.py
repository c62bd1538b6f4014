"""The state of one worker: its machines, its connections and its job, in one place.

The driver steps the machines, `perform` carries out what they want; both work on a `Worker`, and
status is read from it. Nothing here decides or does anything by itself.
"""

from collections.abc import Callable

import attrs
import trio

from wallarood.control.completion import Completion
from wallarood.control.events import Event
from wallarood.control.initializer import Initializer
from wallarood.control.joiner import Joiner
from wallarood.control.membership import Membership
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import WallaroodError
from wallarood.model.ids import Address
from wallarood.model.messages import Member
from wallarood.model.pipeline import Application
from wallarood.runtime.control_task import ControlConnections, Stamp
from wallarood.runtime.dataflow.gate import Gate
from wallarood.runtime.dataflow.job import Job, JobLimits
from wallarood.runtime.links import LinkLimits, Links
from wallarood.runtime.ports import DialData, RecordStore
from wallarood.wire.records import PickleRule


@attrs.frozen
class Timing:
    """Deadlines and intervals in seconds."""

    heartbeat_s: float = 1.0
    liveness_deadline_s: float = 5.0
    name_taken_wait_s: float = 2.0
    completion_wait_s: float = 60.0


@attrs.frozen
class Settings:
    """What an operator has configured, as far as the runtime needs it."""

    timing: Timing
    job: JobLimits
    links: LinkLimits
    pickle: PickleRule
    exit_on_completion: bool
    initializer_address: Address


@attrs.define(eq=False)
class Worker:
    """One worker at run time. What is None does not exist yet."""

    member: Member
    application: Application
    founding: Initializer | Joiner
    store: RecordStore
    dial_data: DialData
    settings: Settings
    connections: ControlConnections
    events: trio.MemorySendChannel[Event]
    nursery: trio.Nursery
    notify: Callable[[str], None]
    gate: Gate = attrs.field(factory=Gate)
    record: ClusterRecord | None = None
    membership: Membership | None = None
    completion: Completion | None = None
    job: Job | None = None
    links: Links | None = None
    began: bool = False
    completed: bool = False
    waiting_for: str = ""
    failure: WallaroodError | None = None
    finished: bool = False

    @property
    def stamp(self) -> Stamp:
        """What our messages carry."""
        if self.record is None or self.membership is None:
            return Stamp()
        return Stamp(self.record.cluster_id, self.record.topology.epoch, 0)

    @property
    def phase(self) -> str:
        """What this worker is doing, in a word."""
        if self.failure is not None:
            return "failed"
        if self.completed:
            return "completed"
        if not self.began:
            return "forming"
        return "running" if self.gate.is_open else "paused"

    @property
    def phase_text(self) -> str:
        """What this worker is doing, for a person."""
        waiting = self.gate.reason if self.began and not self.gate.is_open else self.waiting_for
        return f"{self.phase}: {waiting}" if waiting else self.phase
