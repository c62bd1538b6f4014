"""When a cluster goes on with a new version of its application."""
# Theory of operation
# ===================
# No round begins while a member runs another version than the epoch has. When all run one and the
# same, the leader proposes the change to it: once for these lives, so that one which cannot be made
# waits for new ones. One that was abandoned because a member was away is proposed once more when it
# is back.
#
# Where all run the version before the last upgrade, an operator is to say that the cluster goes
# back to it: what came after is made again.

from collections.abc import Mapping, Sequence

import attrs

from wallarood.control.effects import Effect, SendToMember, WaitingFor
from wallarood.model.change import GOING_BACK, ORDERED_BACK, ChangeKind
from wallarood.model.ids import Member, WorkerName
from wallarood.model.messages import ChangeRequest


@attrs.define
class NewerVersions:
    """What the leader does about them."""

    _proposed: set[Member] = attrs.field(factory=set, init=False)
    """The lives for which a change was proposed."""

    def may_propose_again(self) -> None:
        """A member is away: what was proposed may come to nothing by that alone."""
        self._proposed = set()

    def seen(
        self, workers: Sequence[WorkerName], present: Mapping[WorkerName, Member]
    ) -> list[Effect]:
        """What follows from the versions of all *workers*; nothing if all run that of the epoch."""
        newer = [name for name in workers if present[name].version]
        if not newer:
            return []
        if any(present[name].version in GOING_BACK for name in newer):
            return self._before(workers, present)
        lives = set(present.values())
        others = [name for name in workers if name not in newer]
        if others:
            text = f"a new version runs on {', '.join(newer)}; not yet on {', '.join(others)}"
            return [WaitingFor(f"waiting for the upgrade: {text}: restart with the new version")]
        versions = {member.version for member in lives}
        if len(versions) > 1:
            text = f"different new versions run on {_by_version(workers, present)}"
            return [WaitingFor(f"waiting for the upgrade: {text}: restart all with one of them")]
        if lives == self._proposed:
            text = (
                f"the upgrade was abandoned, the journal of {workers[0]} says why: restart all "
                "workers with a version that can take over what is stored, or with the old one; "
                "wallarooctl upgrade tries it again as it is"
            )
            return [WaitingFor(text)]
        self._proposed = lives
        request = ChangeRequest(f"upgrade to {min(versions)}", ChangeKind.UPGRADE, ())
        return [WaitingFor("the upgrade is being decided"), SendToMember(workers[0], request)]

    def _before(
        self, workers: Sequence[WorkerName], present: Mapping[WorkerName, Member]
    ) -> list[Effect]:
        """What follows where some run the version before the upgrade."""
        others = [name for name in workers if present[name].version not in GOING_BACK]
        if others:
            text = (
                f"the version before the upgrade does not run on {', '.join(others)}: restart with "
                "it to go back, or restart all with the version that is upgraded to"
            )
            return [WaitingFor(text)]
        lives = set(present.values())
        ordered = any(member.version == ORDERED_BACK for member in lives)
        if not ordered or lives == self._proposed:
            text = (
                "the version before the upgrade runs on all workers: wallarooctl upgrade --back "
                "goes back to its last checkpoint; or restart all with the version upgraded to"
            )
            return [WaitingFor(text)]
        self._proposed = lives
        request = ChangeRequest("upgrade --back", ChangeKind.BACK, ())
        return [WaitingFor("the way back is being decided"), SendToMember(workers[0], request)]


def _by_version(workers: Sequence[WorkerName], present: Mapping[WorkerName, Member]) -> str:
    """Which workers run the same version: ``alpha, beta / gamma``."""
    alike: dict[str, list[WorkerName]] = {}
    for name in workers:
        alike.setdefault(present[name].version, []).append(name)
    return " / ".join(", ".join(names) for names in alike.values())
