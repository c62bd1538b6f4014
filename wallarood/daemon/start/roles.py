"""The initializer's role: who has it, and where the others find the leader."""

from wallarood.config.keys import Config
from wallarood.control.formation.startup import Role
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import Address
from wallarood.runtime.worker import Worker


def role_of(config: Config) -> Role:
    """The role that this worker is started in."""
    return Role.INITIALIZER if config["worker.topology-initializer"] else Role.JOINER


def started_as(config: Config, record: ClusterRecord | None) -> Role:
    """The role in which it listens and seeks, with the *record* that it has, if any.

    A worker that is told of no others is by default the initializer of a cluster of one. Who has
    joined the cluster of another is none, though it is started with no more.
    """
    elsewhere = record is not None and record.initializer != config["worker.name"]
    joined = elsewhere and config["worker.count"] == 1
    return Role.JOINER if joined else role_of(config)


class LeaderSought:
    """Where the leader is looked for: by turns as configured and as recorded.

    A worker that is started as the initializer of an existing cluster that another has founded
    would find itself at the configured address. *known* are members of a cluster that it was in.
    """

    def __init__(self, worker: Worker, role: Role, known: tuple[Address, ...] = ()) -> None:
        self._worker = worker
        self._configured = worker.settings.initializer_address
        self._skip_configured = role is Role.INITIALIZER
        self._turn = 0
        self._outside = known if known and self._skip_configured else (*known, self._configured)

    def __call__(self) -> Address:
        """The next address to try."""
        record, sought = self._worker.node.record, self._worker.change.sought
        if record is None:
            self._turn += 1
            if sought is not None and self._turn % 2:
                return sought
            turn = self._turn - 1 if sought is None else self._turn // 2
            return self._outside[turn % len(self._outside)]
        leader = record.topology.leader
        recorded = next(each.control for each in record.members if each.name == leader)
        self._turn += 1
        return recorded if self._skip_configured or self._turn % 2 == 0 else self._configured
