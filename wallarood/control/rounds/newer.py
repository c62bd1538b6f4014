"""When a cluster goes on with a new version of its application."""
# Theory of operation
# ===================
# No round begins while a member runs another version than the epoch has. When all run one and the
# same, the leader proposes the change to it: once for these lives, so that one which cannot be made
# waits for new ones.

from collections.abc import Mapping, Sequence

import attrs

from wallarood.control.effects import Effect, SendToMember, WaitingFor
from wallarood.model.change import ChangeKind
from wallarood.model.ids import Member, WorkerName
from wallarood.model.messages import ChangeRequest


@attrs.define
class NewerVersions:
    """What the leader does about them."""

    _proposed: set[Member] = attrs.field(factory=set, init=False)
    """The lives for which a change was proposed."""

    def seen(
        self, workers: Sequence[WorkerName], present: Mapping[WorkerName, Member]
    ) -> list[Effect]:
        """What follows from the versions of all *workers*; nothing if all run that of the epoch."""
        newer = [name for name in workers if present[name].version]
        if not newer:
            return []
        lives = set(present.values())
        others = [name for name in workers if name not in newer]
        if others:
            text = f"{', '.join(others)} run the version before, {', '.join(newer)} a new one"
            return [WaitingFor(f"waiting for the upgrade: {text}")]
        versions = {member.version for member in lives}
        if len(versions) > 1:
            text = "the workers run different new versions of the application"
            return [WaitingFor(f"waiting for the upgrade: {text}")]
        if lives == self._proposed:
            return [WaitingFor("the upgrade was abandoned: start all workers with another version")]
        self._proposed = lives
        request = ChangeRequest(f"upgrade to {min(versions)}", ChangeKind.UPGRADE, ())
        return [WaitingFor("the upgrade is being decided"), SendToMember(workers[0], request)]
