"""The initializer's role: who has it, and where the others find the leader."""

import trio

from wallarood.config.keys import Config
from wallarood.control.formation.founding import Founder
from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.joiner import Joiner
from wallarood.control.formation.startup import Role, role_in
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Address
from wallarood.runtime.worker import Worker


def role_of(config: Config) -> Role:
    """The role that this worker is started in."""
    return Role.INITIALIZER if config["worker.topology-initializer"] else Role.JOINER


def machine_of(founder: Founder, role: Role, record: ClusterRecord | None) -> Initializer | Joiner:
    """The machine of formation: by the *record*, and if there is none by the *role* at start."""
    role = role if record is None else role_in(record)
    machine = Initializer if role is Role.INITIALIZER else Joiner
    return machine(founder, trio.current_time(), record)


class LeaderSought:
    """Where the leader is looked for: by turns as configured and as recorded.

    A worker that is started as the initializer of an existing cluster that another has founded
    would find itself at the configured address.
    """

    def __init__(self, worker: Worker, role: Role) -> None:
        self._worker = worker
        self._configured = worker.settings.initializer_address
        self._skip_configured = role is Role.INITIALIZER
        self._turn = 0

    def __call__(self) -> Address:
        """The next address to try."""
        record = self._worker.record
        if record is None:
            return self._configured
        leader = record.topology.leader
        recorded = next(each.control for each in record.members if each.name == leader)
        self._turn += 1
        return recorded if self._skip_configured or self._turn % 2 == 0 else self._configured
