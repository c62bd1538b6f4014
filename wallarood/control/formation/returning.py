"""An initializer that comes back to a founding: who else holds the cluster."""
# Theory of operation
# ===================
# An initializer that was started without --cluster-id and finds a committed record of which no
# round has begun cannot know whether one has begun elsewhere. Whoever has begun one puts the
# cluster aside at such a start, so all are heard first: if all hold the cluster, it is completed;
# if one joins as new, it is put aside here and everywhere.

import attrs

from wallarood.control.effects import (
    Archive,
    Effect,
    Formed,
    PersistNever,
    Report,
    SendOnConnection,
)
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.formation.refusals import existing, not_new
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Committed, Join, Never


@attrs.define
class Returning:
    """The members that hold the cluster of *record*, and the connections on which they asked."""

    record: ClusterRecord | None
    _holders: dict[WorkerName, int | None] = attrs.field(factory=dict, init=False)

    @property
    def absent(self) -> list[WorkerName]:
        """The members that were not heard yet."""
        others = self.record.topology.workers[1:] if self.record is not None else ()
        return [name for name in others if name not in self._holders]

    @property
    def asked(self) -> list[int]:
        """The connections on which an answer is awaited."""
        return [each for each in self._holders.values() if each is not None]

    def holds(self, name: WorkerName, connection: int | None) -> None:
        """A worker holds the cluster; it waits for an answer on *connection*, if any."""
        self._holders[name] = connection

    def lost(self, connection: int) -> None:
        """A connection is closed."""
        for name, asked in self._holders.items():
            if asked == connection:
                self._holders[name] = None

    def complete(self) -> list[Effect]:
        """All hold it: it continues."""
        assert self.record is not None
        said = Committed(self.record.cluster_id)
        return [*(SendOnConnection(each, said) for each in self.asked), Formed(self.record)]

    def put_aside(self, name: WorkerName) -> list[Effect]:
        """Worker *name* has put it aside: so do all, and no other worker is ever told it is."""
        assert self.record is not None
        cluster = self.record.cluster_id
        text = (
            f"{name} has put aside cluster {cluster}, which has not started here: forming a new one"
        )
        told = (SendOnConnection(each, Never(cluster)) for each in self.asked)
        return [PersistNever(cluster), Archive(), Report(text), *told]

    def refusal(self, settings: FormationSettings, join: Join) -> str:
        """Why a worker is not taken; empty if it is a member that has put the cluster aside."""
        assert self.record is not None
        is_member = join.member.name in self.record.topology.workers[1:]
        if is_member and not not_new(settings, join, ()):
            return ""
        return existing(settings, join, self.record)
