"""Whether a new version of an application can go on from what a worker has stored."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from wallarood.flow.compile import make_states
from wallarood.flow.steps.timed import clock_name
from wallarood.model.checkpoint import Restored
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import ApplicationError, ConfigurationError
from wallarood.model.pipeline import Application
from wallarood.model.topology import Topology
from wallarood.planning.upgrade import successors, taken_over
from wallarood.storage.checkpoint_files import inspect_checkpoints
from wallarood.storage.state_directory import look_into


def check_upgrade(
    path: Path, application: Application, topology: Topology, *, drop: Collection[str] = ()
) -> Iterator[str]:
    """Compare *application*, planned as *topology*, with what the state directory *path* holds.

    Gives a line for each computation with state, source and sink. What is taken over is read with
    the classes of *application*, as a start would; nothing is changed.

    Raises ConfigurationError: there is no running cluster in *path*. Raises ApplicationError: the
    application cannot go on; all reasons together. Raises DamagedStateError: a value is damaged.
    """
    record, restored = _stored(path)
    way = record.back
    if way is not None and way.fingerprint == application.fingerprint:
        yield (
            f"this is the version before the upgrade to epoch {record.topology.epoch}: with it on "
            f"all hosts, wallarooctl upgrade --back goes back to its checkpoint {way.basis}"
        )
        return
    found = successors(record.fingerprint, application, drop=drop)
    yield (
        f"from epoch {record.topology.epoch} of {record.cluster_id}, checkpoint "
        f"{restored.checkpoint}, as {record.worker} holds it"
    )
    for each in found:
        yield str(each)
    problems = [str(each) for each in found if each.problem]
    problems += _unreadable(application, topology, restored, names=taken_over(found))
    if problems:
        raise ApplicationError("\n".join(problems))


def _stored(path: Path) -> tuple[ClusterRecord, Restored]:
    record = look_into(path).load_record() if path.is_dir() else None
    if record is None or record.state is RecordState.PREPARED:
        raise ConfigurationError(
            f"{path} holds no cluster: there is nothing to upgrade from; name the state directory "
            "of the worker with --state-directory (of the unit it is /var/lib/wallarood)"
        )
    store = inspect_checkpoints(look_into(path).checkpoints_path, record.cluster_id)
    try:
        return record, store.restore(store.committed.number)
    finally:
        store.close()


def _unreadable(
    application: Application, topology: Topology, restored: Restored, *, names: Mapping[str, str]
) -> Iterator[str]:
    """What is stored and cannot be taken by its computation now, in words."""
    former = dict(names) | {clock_name(new): clock_name(old) for new, old in names.items()}
    for stage in topology.stages:
        for name, state in make_states(application, stage).items():
            try:
                state.restore(restored.chunks.get(former.get(name, ""), ()))
            except ApplicationError as error:
                yield error.message
