"""Who may attach to a member of a cluster, and what the others are told."""
# Theory of operation
# ===================
# Of two with different epochs, the one at the higher answers Attach with what was decided, and the
# one at the lower answers with an Attach of its own, to be told. What was decided says who is in
# the cluster: a name in a seat. Whoever is not is told so, whatever it was before.

import attrs

from wallarood.control import effects as do
from wallarood.control.change.decided import obey
from wallarood.control.formation.refusals import refuse
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.ids import NO_SEAT, Member, WorkerName, are_same
from wallarood.model.messages import PROTOCOL_VERSION, Attach, Busy, Decided, Restored


@attrs.frozen
class Attaching:
    """The cluster as *member* knows it. Of two with different epochs the higher one is ahead."""

    record: ClusterRecord
    member: Member

    @property
    def own(self) -> Attach:
        """What this worker says when it attaches, or wants to be told what it has missed."""
        epoch = self.record.topology.epoch
        return Attach(self.member, PROTOCOL_VERSION, self.record.cluster_id, epoch)

    def objections(
        self, connection: int, attach: Attach, others: dict[WorkerName, Member]
    ) -> list[do.Effect]:
        """What is answered to one that is not to be attached; empty if it is to be."""
        name, cluster = attach.member.name, self.record.cluster_id
        epoch, change = self.record.topology.epoch, self.record.change
        if attach.protocol != PROTOCOL_VERSION:
            version = f"protocol version {attach.protocol}, not {PROTOCOL_VERSION}"
            return refuse(connection, f"{name} speaks {version}")
        if attach.cluster_id != cluster:
            # It looks for its peer at an address that is ours now, and will find it elsewhere.
            reason = f"{name} of cluster {attach.cluster_id} has reached {cluster}"
            return [
                do.Report(reason, do.Level.WARNING),
                do.SendOnConnection(connection, Busy(reason)),
                do.Close(connection),
            ]
        if attach.epoch > epoch:
            return [do.SendOnConnection(connection, self.own)]
        if attach.epoch < epoch and change is not None:
            text = f"{name} is at epoch {attach.epoch} and is told of epoch {epoch}"
            told = Decided(cluster, change, self.record.went(attach.member))
            answer = do.SendOnConnection(connection, told)
            return [do.Report(text), answer, do.Close(connection)]
        if name not in others:
            return refuse(connection, f"{name} is not a member of {cluster}")
        return self.of_another_seat(connection, others[name], attach.member)

    def of_another_seat(self, connection: int, known: Member, member: Member) -> list[do.Effect]:
        """Refuse a member that has another state directory; empty if it has that which is *known*.

        Whoever of the two has dialled.
        """
        if are_same(known.seat, member.seat):
            return []
        name = member.name
        reason = (
            f"{name} is not the one that is a member of {self.record.cluster_id}: its state "
            f"directory is another one; put that of the member back, or have this one take its "
            f"place with wallarooctl replace {name}"
        )
        return refuse(connection, reason)

    def restored(self, connection: int, known: Member, member: Member) -> list[do.Effect]:
        """Tell a member whose directory is older than what was *known* of it that it is a copy."""
        then, now = known.incarnation, member.incarnation
        if NO_SEAT in (known.seat, member.seat) or now.starts > then.starts or now == then:
            return []
        text = f"{member.name} has a state directory that is a copy of an older one"
        return [do.Report(text, do.Level.WARNING), do.SendOnConnection(connection, Restored(then))]

    def overtaken(self, told: Decided) -> list[do.Effect]:
        """Another member says what the cluster is by now."""
        ours = told.cluster_id == self.record.cluster_id
        return obey(self.member, self.record, told.change, told.departed) if ours else []
