"""Building the worker and what it forms a cluster with, from the configuration."""

import secrets
from functools import partial
from typing import Any, TypeAlias

import attrs
import structlog
import trio

from wallarood.config.keys import Config
from wallarood.control.events import Event, KeyRefused
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.formation.startup import Role, role_now
from wallarood.control.node import ClusterNode
from wallarood.daemon.start.choice import Start
from wallarood.daemon.start.roles import role_of
from wallarood.daemon.start.settings import node_settings, runtime_settings
from wallarood.model.change import Trust, Vote
from wallarood.model.errors import CannotCreateError, DamagedStateError
from wallarood.model.ids import WorkerName
from wallarood.model.messages import Listing, Member
from wallarood.model.pipeline import Application
from wallarood.model.topology import Topology
from wallarood.net.auth import ClusterKey
from wallarood.net.control import dial_control
from wallarood.net.listen import NetLimits
from wallarood.net.tcp import dial_data
from wallarood.planning.plan import plan
from wallarood.runtime.control_task import ControlConnections
from wallarood.runtime.ports import DialData
from wallarood.runtime.profile import Profile, profile_dial
from wallarood.runtime.worker import Woken, Worker
from wallarood.storage.state_directory import StateDirectory
from wallarood.systemd.notify import notify

Events: TypeAlias = trio.MemorySendChannel[Event | Woken]

log = structlog.get_logger(__name__)


@attrs.frozen
class Parts:
    """What the daemon has before there is a worker."""

    config: Config
    application: Application
    state: StateDirectory
    key: ClusterKey
    limits: NetLimits
    profile: Profile | None


def formation_settings(
    parts: Parts, member: Member, listings: tuple[Listing, ...]
) -> FormationSettings:
    """What *member* forms a cluster with."""
    config = parts.config
    return FormationSettings(
        member,
        secrets.token_hex(16),
        parts.application.name,
        parts.application.fingerprint,
        config["worker.count"],
        listings,
        partial(plan, parts.application),
        formation_deadline_s=config["timing.formation-deadline"],
        name_taken_wait_s=config["timing.name-taken-wait"],
        forms_new=config["worker.cluster-id"] is None,
        replan=partial(_replan, parts.application),
        journalled=partial(_is_journalled, parts.application),
    )


def _replan(
    application: Application, previous: Topology, workers: tuple[WorkerName, ...], *, epoch: int
) -> Topology:
    # When the cluster first changes: few ever do.
    from wallarood.planning.change import replan  # noqa: PLC0415

    return replan(application, previous, workers, epoch=epoch)


def _is_journalled(application: Application, source: str) -> bool:
    # As above. A source that only another version of the application knows may have a journal.
    from wallarood.planning.sources.journals import is_journalled  # noqa: PLC0415

    return all(is_journalled(each) for each in application.steps if each.name == source)


def _vote(state: StateDirectory, trust: Trust) -> tuple[Vote | None, Trust]:
    """What this worker has promised and accepted, and whether that is all of it.

    A disk that is full at the start refuses to say: the worker waits for room as ever. When it has
    some, and there is a vote, it ends, and is started again.
    """
    try:
        found = state.look_at_changes().vote
    except CannotCreateError as error:
        log.warning("what this worker has promised cannot be read", reason=error.message)
        return None, Trust.RESTORED
    except DamagedStateError as error:  # if more is damaged, opening the checkpoints says so
        log.warning("this worker has lost its vote", reason=error.message)
        return None, Trust.RESTORED
    return found, trust


def build_worker(
    parts: Parts,
    founding: FormationSettings,
    start: Start,
    *,
    events: Events,
    nursery: trio.Nursery,
    data: list[trio.SocketListener],
) -> Worker:
    """A worker that has not begun: it listens for data on *data*."""
    config = parts.config
    net: dict[str, Any] = {"key": parts.key, "limits": parts.limits}
    dial: DialData = partial(dial_data, **net)
    if parts.profile is not None:
        dial = profile_dial(parts.profile, dial)

    vote, trust = _vote(parts.state, founding.trust)
    worker = Worker(
        node=ClusterNode(
            attrs.evolve(founding, trust=trust),
            Role.NEWCOMER if start.joins else role_now(start.record, role_of(config)),
            start.record,
            settings=node_settings(config),
            now=trio.current_time(),
            vote=vote,
            staged=start.staged,
        ),
        application=parts.application,
        store=parts.state,
        dial_data=dial,
        settings=runtime_settings(config, data),
        connections=ControlConnections(
            events,
            partial(dial_control, **net),
            lambda: worker.node.stamp,
            config["timing.connect-backoff-max"],
            lambda error: worker.post(KeyRefused(error)),
        ),
        events=events,
        nursery=nursery,
        notify=lambda: notify(f"STATUS={worker.status_text}"),
        profile=parts.profile,
    )
    if start.upgrade is not None:
        worker.change.upgrade, worker.change.listings = start.upgrade, start.listings
    return worker
