"""The cluster as one of its members sees it that proposes a change."""

import attrs

from wallarood.control.formation.founding import Journalled, Upgrader, always
from wallarood.model.change import Trust
from wallarood.model.cluster_record import ClusterRecord, Layout
from wallarood.model.ids import Member, WorkerName


@attrs.define
class View:
    """Who is in the cluster of *record*, and who is heard of; *me* is this worker."""

    me: Member
    record: ClusterRecord
    upgrade: Upgrader | None = None
    """How the cluster comes to the application that runs here, if that is a newer one."""
    running: bool = False
    """Whether a round runs here."""
    trust: Trust = Trust.WHOLE
    journalled: Journalled = always
    """Which sources acknowledge what they have in a journal."""
    completed: bool = False
    """Whether the job is done."""
    restored: set[WorkerName] = attrs.field(factory=set)
    """The members that are known to have a restored directory: they have no vote."""
    _known: dict[WorkerName, Member] = attrs.field(factory=dict, init=False)
    _here: set[WorkerName] = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        self._known = {member.name: member for member in self.record.members}
        self._known[self.me.name] = self.me
        self._here = {self.me.name}

    @property
    def epoch(self) -> int:
        """The epoch that the cluster is in."""
        return self.record.topology.epoch

    @property
    def workers(self) -> tuple[WorkerName, ...]:
        """All members, the leader first."""
        return self.record.topology.workers

    @property
    def leader(self) -> WorkerName:
        """The first member."""
        return self.workers[0]

    @property
    def majority(self) -> int:
        """How many acceptances decide."""
        return len(self.workers) // 2 + 1

    @property
    def away(self) -> tuple[WorkerName, ...]:
        """The members that are not heard of."""
        return tuple(name for name in self.workers if name not in self._here)

    def hears(self, name: WorkerName) -> bool:
        """Whether a member is heard of."""
        return name in self._here

    def is_up(self, member: Member) -> None:
        """A member is attached, perhaps at a new address and in another life."""
        self._known[member.name] = member
        self._here.add(member.name)

    def is_down(self, name: WorkerName) -> None:
        """A member is not heard of."""
        self._here.discard(name)

    def member(self, name: WorkerName) -> Member:
        """What is known of a member."""
        return self._known[name]

    def layout(self, epoch: int) -> Layout:
        """Who has which part of a basis: as it is now, or as it was in the *epoch* before."""
        before, back = self.record.before, self.record.back
        if back is not None and epoch == back.topology.epoch:  # no member has changed since
            return Layout(back.topology, self.members)
        if epoch == self.epoch or before is None:
            return Layout(self.record.topology, self.members)
        there = {(each.name, each.seat): each for each in self.members}
        members = tuple(there.get((each.name, each.seat), each) for each in before.members)
        return Layout(before.topology, members)

    @property
    def members(self) -> tuple[Member, ...]:
        """All members, as far as they are known."""
        return tuple(self._known[name] for name in self.workers if name in self._known)
