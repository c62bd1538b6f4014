"""Who may attach to a member of a cluster, and what the others are told."""
# Theory of operation
# ===================
# Of two with different epochs, the one at the higher answers Attach with its topology, and the one
# at the lower answers with an Attach of its own, to be told. It records the topology and restarts.

import attrs

from wallarood.control import effects as do
from wallarood.control.formation.refusals import refuse
from wallarood.model.errors import RefusedError
from wallarood.model.ids import ClusterId, WorkerName
from wallarood.model.messages import (
    PROTOCOL_VERSION,
    Attach,
    Busy,
    Member,
    NewTopology,
)
from wallarood.model.topology import Topology


@attrs.frozen
class Attaching:
    """The cluster as *member* knows it. Of two with different epochs the higher one is ahead."""

    cluster_id: ClusterId
    member: Member
    topology: Topology

    @property
    def own(self) -> Attach:
        """What this worker says when it attaches, or wants to be told what it has missed."""
        return Attach(self.member, PROTOCOL_VERSION, self.cluster_id, self.topology.epoch)

    def objections(
        self, connection: int, attach: Attach, others: dict[WorkerName, Member]
    ) -> list[do.Effect]:
        """What is answered to one that is not to be attached; empty if it is to be."""
        name, epoch = attach.member.name, self.topology.epoch
        if attach.protocol != PROTOCOL_VERSION:
            version = f"protocol version {attach.protocol}, not {PROTOCOL_VERSION}"
            return refuse(connection, f"{name} speaks {version}")
        if attach.cluster_id != self.cluster_id:
            # It looks for its peer at an address that is ours now, and will find it elsewhere.
            reason = f"{name} of cluster {attach.cluster_id} has reached {self.cluster_id}"
            return [
                do.Report(reason, do.Level.WARNING),
                do.SendOnConnection(connection, Busy(reason)),
                do.Close(connection),
            ]
        if attach.epoch > epoch:
            return [do.SendOnConnection(connection, self.own)]
        if name not in others:
            return refuse(connection, f"{name} is not a member of {self.cluster_id}")
        if attach.epoch < epoch:
            text = f"{name} is at epoch {attach.epoch} and is brought up to date"
            newer = NewTopology(self.topology, (self.member, *others.values()))
            answer = do.SendOnConnection(connection, newer)
            return [do.Report(text), answer, do.Close(connection)]
        return []

    def overtaken(self, topology: Topology, members: tuple[Member, ...]) -> list[do.Effect]:
        """Another member says what the cluster is by now."""
        epoch = self.topology.epoch
        if topology.epoch <= epoch:
            return []
        if self.member.name not in topology.workers:
            reason = f"{self.member.name} is no member of {self.cluster_id} any longer"
            return [do.Fail(RefusedError(f"{reason}, since epoch {topology.epoch}"))]
        text = f"brought up to date: the topology is that of epoch {topology.epoch}, not {epoch}"
        return [do.Report(text), do.Adopt(topology, members)]
