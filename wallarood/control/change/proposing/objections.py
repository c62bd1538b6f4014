"""Which changes are not begun, and why."""

from wallarood.control.change.proposing.composing import NO_WAY_BACK, Plan, is_dropped
from wallarood.control.change.view import View
from wallarood.control.formation.founding import difference, names
from wallarood.model.change import GOING_BACK, Change, ChangeKind, Trust, Vote
from wallarood.model.ids import WorkerName
from wallarood.model.messages import PROTOCOL_VERSION, ChangeRequest, JoinRunning


def to_request(plan: Plan) -> str:
    """Why what is asked for is not begun here and now; empty if it may be."""
    request, view = plan.request, plan.view
    unknown = [name for name in request.names if name not in view.workers]
    if request.kind is not ChangeKind.GROW and unknown:
        members = names(view.workers)
        return f"{names(unknown)} is not a member of the cluster; its members are {members}"
    if not plan.survivors:
        return "one worker must stay: to end the cluster, use wallarooctl shutdown"
    if voteless := [name for name in plan.needed if name in view.restored]:
        return restored(voteless[0])
    if request.kind.needs_all and view.away:
        return f"all workers must be connected; missing: {names(view.away)}"
    if request.kind in (ChangeKind.UPGRADE, ChangeKind.BACK):
        return to_version(view, request.kind)
    if request.kind.needs_all and view.completed:
        return "the job is completed: there is nothing left to move"
    if request.kind.needs_all and not view.running:
        return "the cluster is recovering: try again when it runs"
    if not request.kind.needs_all:
        return _to_eviction(plan, request)
    return ""


def to_finishing(plan: Plan, change: Change) -> str:
    """Why a *change* that was accepted here is not finished without the certified dead of *plan*.

    Empty if it is: it is the only one that can have been decided, by them as well.
    """
    if reason := to_request(plan):
        return reason
    if set(change.workers) <= set(plan.gone) and not is_dropped(change, plan):
        return (
            f"a change was being decided after which only {names(change.workers)} would be left: "
            "if it was, that may have gone on alone; --back-to N goes back to checkpoint N all the "
            "same, and what came after it is lost or made again"
        )
    return ""


def to_version(view: View, kind: ChangeKind) -> str:
    """Why the cluster cannot come to another version of the application."""
    back = view.record.back
    if kind is ChangeKind.BACK and back is None:
        return NO_WAY_BACK
    versions = {name: view.member(name).version for name in view.workers}
    now = [name for name, version in versions.items() if not version]
    if kind is ChangeKind.BACK:
        others = [name for name, version in versions.items() if version not in GOING_BACK]
        what = "another version than that before the upgrade runs on"
        return f"{what} {names(others)}: install that one there, and restart" if others else ""
    if now:
        return f"no new version runs on {names(now)}: install it there, and restart"
    if before := [name for name, version in versions.items() if version in GOING_BACK]:
        return f"the version before the upgrade runs on {names(before)}: wallarooctl upgrade --back"
    several = len(set(versions.values())) > 1
    return "the workers run different new versions: restart all with one" if several else ""


def _to_eviction(plan: Plan, request: ChangeRequest) -> str:
    view = plan.view
    there = [name for name in request.names if name not in view.away]
    if there and not request.certified:
        replaced = request.kind is ChangeKind.REPLACE
        what = "stop it, and empty its state directory" if replaced else "use wallarooctl shrink"
        return f"{names(there)} is connected: {what}"
    if request.certified and len(plan.needed) * 2 < len(view.workers):
        return "fewer than half of the members would stay"
    if not request.certified and len(plan.survivors) < view.majority:
        return (
            f"{len(plan.survivors)} of {len(view.workers)} members stay, which is no majority; "
            "where you know that the others are dead for good: --certified-dead"
        )
    absent = [name for name in plan.survivors if name in view.away]
    return f"all members that stay must be connected; missing: {names(absent)}" if absent else ""


def to_any(view: View, vote: Vote) -> str:
    """Why nothing is proposed here, whatever is asked for; empty if it may be."""
    name = view.me.name
    if view.trust is Trust.RESTORED:
        return restored(name)
    return "a change is being decided" if vote.accepted else ""


def restored(name: WorkerName) -> str:
    """Why nothing can be changed where a member that stays has a restored directory."""
    return (
        f"the state directory of {name} was restored from a copy, so {name} has no vote: have it "
        f"replaced (wallarooctl replace {name}), or put copies back on all workers"
    )


def to_another(name: WorkerName, cluster: str) -> str:
    """Why a worker is not taken in whose name is that of a member in another seat."""
    return (
        f"{name} is a member of {cluster} and holds no state of it: choose another "
        f"--worker-name, or have it take the place of the lost one with wallarooctl replace {name}"
    )


def to_joiner(plan: Plan, join: JoinRunning) -> str:
    """Why a worker can never be taken in; empty if it can."""
    record, name = plan.view.record, join.member.name
    if join.protocol != PROTOCOL_VERSION:
        return (
            f"{name} speaks protocol version {join.protocol}, this cluster {PROTOCOL_VERSION}: "
            "install the same version of wallarood on all workers"
        )
    if join.cluster_id not in (None, record.cluster_id):
        wrong = f"wrong cluster ID: {name} asks for {join.cluster_id}"
        staged = ", of which it may be a member" if join.staged else ""
        end = "; if that cluster is no more: 'wallarood state reset' on it" if join.staged else ""
        return f"{wrong}{staged}, but this is {record.cluster_id}{end}"
    if join.fingerprint != record.fingerprint:
        return (
            f"another application: {name} runs {join.application!r}; they differ in:\n"
            + difference(record.fingerprint, join.fingerprint)
        )
    return ""


def came_empty(name: WorkerName) -> str:
    """Why a change ends that is made for a worker whose directory is another one now."""
    return f"{name} was started again, and has nothing of what it had copied"
