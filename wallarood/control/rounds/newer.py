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
#
# All members know the versions of each other, so each says what is waited for; what has come of a
# proposal only the leader can say.

from collections.abc import Mapping, Sequence

import attrs

from wallarood.control.change.view import View
from wallarood.control.effects import Effect, SendToMember, WaitingFor
from wallarood.model.change import GOING_BACK, ORDERED_BACK, ChangeKind
from wallarood.model.ids import Member, WorkerName
from wallarood.model.messages import ChangeRequest

_TO_GO_BACK = (
    "the version before the upgrade runs on all workers: wallarooctl upgrade --back goes back to "
    "its last checkpoint; or restart all with the version upgraded to"
)


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
        versions = {name: present[name].version for name in workers}
        if not any(versions.values()):
            return []
        if text := _in_the_way(versions):
            return [WaitingFor(text)]
        lives, leader = set(present.values()), workers[0]
        if versions[leader] in GOING_BACK:
            if ORDERED_BACK not in versions.values() or lives == self._proposed:
                return [WaitingFor(_TO_GO_BACK)]
            text, request = "the way back", ChangeRequest("upgrade --back", ChangeKind.BACK, ())
        elif lives == self._proposed:
            text = (
                f"the upgrade was abandoned, the journal of {leader} says why: restart all "
                "workers with a version that can take over what is stored, or with the old one; "
                "wallarooctl upgrade tries it again as it is"
            )
            return [WaitingFor(text)]
        else:
            request = ChangeRequest(f"upgrade to {versions[leader]}", ChangeKind.UPGRADE, ())
            text = "the upgrade"
        self._proposed = lives
        return [WaitingFor(f"{text} is being decided"), SendToMember(leader, request)]


def waits(view: View) -> str:
    """What a member that does not lead waits for, in words; empty: nothing by the versions."""
    if view.running or view.away or view.me.name == view.leader:
        return ""
    versions = {name: view.member(name).version for name in view.workers}
    if not any(versions.values()):
        return ""
    if text := _in_the_way(versions):
        return text
    if versions[view.leader] in GOING_BACK and ORDERED_BACK not in versions.values():
        return _TO_GO_BACK
    return f"all workers run the same other version, and {view.leader} says what comes of it"


def _in_the_way(versions: Mapping[WorkerName, str]) -> str:
    """Why members that do not all run the version of the epoch cannot change to another."""
    before = [name for name, version in versions.items() if version in GOING_BACK]
    if before:
        others = [name for name in versions if name not in before]
        text = (
            f"the version before the upgrade does not run on {', '.join(others)}: restart with "
            "it to go back, or restart all with the version that is upgraded to"
        )
        return text if others else ""
    others = [name for name, version in versions.items() if not version]
    if len({version for version in versions.values() if version}) > 1:
        text = f"different new versions run on {_by_version(versions)}"
        text += f", and none yet on {', '.join(others)}" if others else ""
        return f"waiting for the upgrade: {text}: restart all with one of them"
    if others:
        newer = ", ".join(name for name, version in versions.items() if version)
        text = f"a new version runs on {newer}, and not yet on {', '.join(others)}"
        return f"waiting for the upgrade: {text}: restart with the new version"
    return ""


def _by_version(versions: Mapping[WorkerName, str]) -> str:
    """Which workers run the same new version: ``alpha, beta / gamma``."""
    alike: dict[str, list[WorkerName]] = {}
    for name, version in versions.items():
        if version:
            alike.setdefault(version, []).append(name)
    return " / ".join(", ".join(names) for names in alike.values())
