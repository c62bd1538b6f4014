"""What a worker starts as: by its record, by what it was told, and by what its sources list."""

from typing import TYPE_CHECKING

import attrs
import structlog
import trio

from wallarood.config.keys import Config
from wallarood.control.formation.startup import AskFor, FormNew, GoOn, Role, Stop, decide
from wallarood.daemon.start.roles import role_of
from wallarood.model.checkpoint import PENDING, waits_for_version
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import CannotCreateError, DamagedStateError, RefusedError
from wallarood.model.ids import ClusterId
from wallarood.model.messages import Listing
from wallarood.model.pipeline import Application
from wallarood.planning.listings import check_size, list_partitions
from wallarood.storage.archives import forget_evicted, read_evicted
from wallarood.storage.checkpoint_files import inspect_checkpoints
from wallarood.storage.state_directory import StateDirectory

if TYPE_CHECKING:
    from wallarood.planning.back import GoBack
    from wallarood.planning.upgrade import NewVersion

TO_JOIN_AGAIN = "start it with --join (worker.join)"

log = structlog.get_logger(__name__)


@attrs.frozen
class Start:
    """The cluster on disk to continue, if any, or the one to *ask* for; what the sources list.

    A worker without one that `joins` is to be taken into a cluster that runs; `staged` is what it
    is in one whose change may have done so already.
    """

    record: ClusterRecord | None
    asked: ClusterId | None
    listings: tuple[Listing, ...]
    joins: bool = False
    staged: ClusterRecord | None = None
    upgrade: "NewVersion | GoBack | None" = None
    """How the cluster comes to the application that this worker runs, if it waits for that."""
    waits: tuple[tuple[str, int], ...] = ()
    """The checkpoints that are kept while it waits for another one, by name and number."""


async def starting_as(
    config: Config,
    application: Application,
    state: StateDirectory,
    *,
    wanted: ClusterId | None = None,
    role: Role | None = None,
) -> Start:
    """Choose what this worker starts as; what is on disk is archived or brought back for that.

    *wanted* is the cluster to go on with, whatever the configuration says: `AUTO` where this
    process was in it until now. A NEWCOMER by *role* was evicted, and joins as another.

    Raises WallaroodError: it cannot start so.
    """
    record = state.load_record()
    if record is None and (staged := state.look_at_changes().staged):
        return Start(None, None, (), joins=True, staged=staged[-1].record)
    upgrade = _upgrade(record, application, state)
    expected = record.fingerprint if record and upgrade else application.fingerprint
    decision = decide(
        record,
        wanted or config["worker.cluster-id"],
        worker=config["worker.name"],
        fingerprint=expected,
        role=role_of(config),
    )
    listings: tuple[Listing, ...] = ()
    if not (isinstance(decision, GoOn) and decision.has_topology) or upgrade is not None:
        listings = await trio.to_thread.run_sync(
            list_partitions, application, abandon_on_cancel=True
        )
        here = (config["worker.name"], listings)
        check_size((here,) * config["worker.count"])
    match decision:
        case Stop(error):
            raise error
        case FormNew(old):
            if old is None and role is not Role.NEWCOMER:
                _check_not_evicted(config, state)
            if old is not None:
                where = str(state.archive_record())
                log.info("former cluster archived", cluster_id=old.cluster_id, file=where)
            return Start(None, None, listings, joins=_joins(config, state) or role is Role.NEWCOMER)
        case GoOn(record):
            forget_evicted(state.path)
            waits = _waits(record, state) if config["cluster.evict-after"] else ()
            return Start(_go_on(record, state), None, listings, upgrade=upgrade, waits=waits)
        case AskFor(cluster_id):
            if state.bring_back(cluster_id):
                log.info("cluster brought back from the archive", cluster_id=cluster_id)
                return await starting_as(config, application, state, wanted=wanted)
            _check_may_ask(cluster_id, config, state)
            return Start(None, cluster_id, listings, joins=_joins(config, state))


def _joins(config: Config, state: StateDirectory) -> bool:
    """Whether a worker without a cluster joins one that runs; what it has begun to stage goes."""
    if state.load_record() is None:
        state.archive_unread()
    joins: bool = config["worker.join"]
    return joins and not config["worker.topology-initializer"]


def _upgrade(
    record: ClusterRecord | None, application: Application, state: StateDirectory
) -> "NewVersion | GoBack | None":
    """How the cluster comes to *application*; None: it runs that, or waits for no upgrade.

    Raises RefusedError: *application* cannot go on from what runs.
    """
    if record is None or record.state is not RecordState.STARTED:
        return None
    if record.fingerprint == application.fingerprint:
        return None
    # With another application than the one that runs.
    from wallarood.planning.back import way_back  # noqa: PLC0415
    from wallarood.planning.upgrade import NewVersion, pending  # noqa: PLC0415

    kept = _kept(record, state)
    drop = pending(kept)
    if drop is None:
        back = way_back(record, application.fingerprint, kept)
        if back is not None:
            log.info("this is the version before the upgrade", epoch=record.topology.epoch)
        return back
    upgrade = NewVersion(application, drop)
    upgrade.former(record.fingerprint)
    log.info("this is a new version of the application", epoch=record.topology.epoch)
    return upgrade


def _waits(record: ClusterRecord, state: StateDirectory) -> tuple[tuple[str, int], ...]:
    """The checkpoints that are kept while the cluster waits for another version.

    Where that cannot be read, it may wait for one.
    """
    if record.state is not RecordState.STARTED:
        return ()
    try:
        return tuple(each for each in _kept(record, state).items() if waits_for_version(each[0]))
    except (CannotCreateError, DamagedStateError) as error:  # opening the checkpoints says so
        log.warning("nobody is evicted by this worker", reason=error.message)
        return ((PENDING, 0),)


def _kept(record: ClusterRecord, state: StateDirectory) -> dict[str, int]:
    store = inspect_checkpoints(state.checkpoints_path, record.cluster_id)
    try:
        return store.kept
    finally:
        store.close()


def _check_may_ask(cluster_id: ClusterId, config: Config, state: StateDirectory) -> None:
    """The initializer has no worker to ask for a cluster it holds no state of."""
    if config["worker.topology-initializer"]:
        raise RefusedError(
            f"wrong cluster ID: {state.path} holds no state of {cluster_id}; put its "
            "state directory back, or start without --cluster-id to form a new cluster"
        )


def _check_not_evicted(config: Config, state: StateDirectory) -> None:
    """An initializer without a cluster would form one beside that which goes on without it."""
    evicted = read_evicted(state.path)
    if evicted is not None and config["worker.topology-initializer"]:
        raise RefusedError(
            f"{evicted.reason}, and the others go on without it: to join them as another member, "
            f"{TO_JOIN_AGAIN}; to form a new cluster beside theirs, 'wallarood state reset' first"
        )


def _go_on(record: ClusterRecord, state: StateDirectory) -> ClusterRecord | None:
    """A founding was interrupted. What the initializer has not committed will never be."""
    if record.state is RecordState.PREPARED and record.worker == record.initializer:
        log.warning("the proposed cluster is abandoned", cluster_id=record.cluster_id)
        state.record_never(record.cluster_id)
        state.archive_record()
        return None
    log.info("rejoining the cluster", cluster_id=record.cluster_id, state=record.state.value)
    return record
