"""Effects become deeds: one branch for each, carried out in order, so persist comes before send."""

import structlog
import trio

from wallarood.control import effects as do
from wallarood.control.completion import Completion
from wallarood.control.effects import Effect, Level
from wallarood.control.events import JobDrained, LinksUp, SinksPublished
from wallarood.control.initializer import Initializer
from wallarood.control.membership import Membership
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.errors import ApplicationError, LocalProtocolError, WallaroodError
from wallarood.model.ids import Address, WorkerName
from wallarood.model.messages import Member
from wallarood.model.pipeline import Application
from wallarood.model.topology import Routing, Topology
from wallarood.runtime.dataflow.job import Job, build_job
from wallarood.runtime.dataflow.wiring import Wiring
from wallarood.runtime.links import Links
from wallarood.runtime.worker import Worker
from wallarood.wire.records import PickleRule, RecordCodec

log = structlog.get_logger(__name__)


def perform(worker: Worker, effects: list[Effect]) -> None:
    """Carry out *effects*, in order; what follows from one is carried out before the next."""
    for effect in effects:
        _perform(worker, effect)


def _perform(worker: Worker, effect: Effect) -> None:  # noqa: PLR0912 - a branch an effect
    match effect:
        case do.Send(connection, message):
            worker.connections.send(connection, message)
        case do.Close(connection):
            worker.connections.close(connection)
        case do.Persist(record):
            worker.store.save_record(record)
            worker.record = record
        case do.PersistNever(cluster_id):
            worker.store.record_never(cluster_id)
        case do.Archive():
            worker.store.archive_record()
            worker.record = None
        case do.Formed(record):
            _formed(worker, record)
        case do.Begin():
            _begin(worker)
        case do.Report(text, level):
            (log.warning if level is Level.WARNING else log.info)(text)
        case do.WaitingFor(text):
            _waiting_for(worker, text)
        case do.Fail(error):
            worker.failure = worker.failure or error
        case do.PeerUp(member):
            _peer_up(worker, member)
        case do.PeerDown(name):
            if worker.links is not None and worker.completion is not None:
                worker.links.drop(name)
                worker.completion.peer_down(name, trio.current_time())
        case do.PauseSources(reason):
            log.warning("sources pause", reason=reason)
            worker.gate.close(reason)
            worker.notify(worker.phase_text)
        case do.ResumeSources():
            worker.gate.open()
            log.info("sources run")
            worker.notify(worker.phase_text)
        case do.PublishSinks():
            worker.nursery.start_soon(_publish, worker)
        case do.JobDone():
            _job_done(worker)
        case do.StopOrderly():
            log.info("the cluster is shut down by an operator")
            worker.finished = True


def _waiting_for(worker: Worker, text: str) -> None:
    if text and text != worker.waiting_for:
        log.info(text)
    worker.waiting_for = text
    worker.notify(worker.phase_text)


def _formed(worker: Worker, record: ClusterRecord) -> None:
    """The cluster is committed: build the job, and connect to all."""
    settings, timing = worker.settings, worker.settings.timing
    others = tuple(each for each in record.members if each.name != worker.member.name)
    worker.record = record
    worker.membership = Membership(
        record.cluster_id,
        worker.member,
        others,
        heartbeat_s=timing.heartbeat_s,
        liveness_deadline_s=timing.liveness_deadline_s,
        name_taken_wait_s=timing.name_taken_wait_s,
        now=trio.current_time(),
    )
    worker.completion = Completion(
        worker.member.name, record.topology.workers, completion_wait_s=timing.completion_wait_s
    )
    try:
        links = worker.links = Links(
            cluster_id=record.cluster_id,
            member=worker.member,
            members={each.name: each for each in others},
            dial=worker.dial_data,
            limits=settings.links,
            codecs=_codecs(worker.application, record.topology, settings.pickle),
            on_change=lambda: check_links(worker),
            inbox=lambda edge: _job_of(worker).inbox(edge),
        )
        worker.job = build_job(
            worker.application,
            Wiring(record.topology, worker.member.name),
            record.cluster_id,
            gate=worker.gate,
            limits=settings.job,
            remote_port=links.remote_port,
        )
    except WallaroodError as error:
        perform(worker, worker.membership.fail(error))
        return
    worker.nursery.start_soon(links.run)
    _dial_peers(worker, record)
    check_links(worker)


def _job_of(worker: Worker) -> Job:
    assert worker.job is not None
    return worker.job


def _codecs(
    application: Application, topology: Topology, pickle: PickleRule
) -> dict[int, RecordCodec]:
    """A codec for each edge that may cross between workers."""
    crossing = [edge for edge in topology.edges if edge.routing is not Routing.FORWARD]
    if len(topology.workers) == 1:
        return {}
    return {
        edge.index: RecordCodec.for_types(application.step(edge.origin).record, rule=pickle)
        for edge in crossing
    }


def _dial_peers(worker: Worker, record: ClusterRecord) -> None:
    """Of two members the later in the topology dials; the leader is dialled already."""
    workers = record.topology.workers
    for name in workers[1 : workers.index(worker.member.name)]:
        worker.nursery.start_soon(
            worker.connections.keep_dialling, name, lambda name=name: _address(worker, name)
        )


def _address(worker: Worker, name: WorkerName) -> Address:
    assert worker.links is not None
    return worker.links.members[name].control


def check_links(worker: Worker) -> None:
    """Tell the founding machine when every channel to every member is open."""
    if worker.began or worker.links is None or worker.membership is None or worker.job is None:
        return
    if worker.links.all_up and not worker.membership.missing:
        worker.nursery.start_soon(worker.events.send, LinksUp())


def _begin(worker: Worker) -> None:
    assert worker.membership is not None
    assert worker.record is not None
    worker.began = True
    log.info("running", cluster_id=worker.record.cluster_id)
    worker.nursery.start_soon(_run_job, worker)
    worker.gate.open()
    perform(worker, worker.membership.started())
    worker.notify(worker.phase_text)


async def _run_job(worker: Worker) -> None:
    assert worker.job is not None
    try:
        await worker.job.run()
    except LocalProtocolError:
        raise
    except Exception as error:
        await fail(worker, error)
    else:
        if worker.job.drained:
            await worker.events.send(JobDrained())


async def _publish(worker: Worker) -> None:
    assert worker.job is not None
    try:
        await worker.job.publish()
    except Exception as error:
        await fail(worker, error)
    else:
        await worker.events.send(SinksPublished())


async def fail(worker: Worker, error: Exception) -> None:
    """The job has failed here: all workers hear of it and end."""
    if not isinstance(error, WallaroodError):
        log.error("a source or sink failed", exc_info=error)
        error = ApplicationError(f"a source or sink failed: {type(error).__name__}: {error}")
    if worker.membership is not None:
        perform(worker, worker.membership.fail(error))
    else:
        worker.failure = error
    await wake(worker)


async def wake(worker: Worker) -> None:
    """Let the driver look up: something has changed that did not come through its queue."""
    await worker.events.send(LinksUp())


def _peer_up(worker: Worker, member: Member) -> None:
    if worker.links is None or worker.membership is None or worker.completion is None:
        return
    worker.links.members[member.name] = member
    connection = worker.membership.peers[member.name].connection
    if connection is not None:
        if isinstance(worker.founding, Initializer):
            worker.founding.attached(connection, member.name)
        perform(worker, worker.completion.peer_up(member.name, connection))
    check_links(worker)


def _job_done(worker: Worker) -> None:
    assert worker.membership is not None
    worker.completed, worker.waiting_for = True, ""
    worker.membership.completed()
    log.info("job completed")
    worker.notify(worker.phase_text)
    if worker.settings.exit_on_completion:
        worker.finished = True
