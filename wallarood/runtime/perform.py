"""Effects become deeds: one branch for each, carried out in order, so persist comes before send."""

from functools import partial
from typing import assert_never

import attrs
import structlog

from wallarood.control import effects as do
from wallarood.control.change import effects as change
from wallarood.control.effects import Level, OfARound, ShellEffect
from wallarood.control.replicas.effects import OfReplicas
from wallarood.control.stale import Stamp
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.messages import ControlMessage, Heartbeat
from wallarood.runtime.leaving import stop_orderly
from wallarood.runtime.rounds import checkpoints
from wallarood.runtime.rounds.running import begin_round, halt
from wallarood.runtime.store import calls
from wallarood.runtime.store.calls import in_turn
from wallarood.runtime.worker import Worker

log = structlog.get_logger(__name__)


def perform(worker: Worker, effects: list[ShellEffect]) -> None:
    """Carry out *effects*, in order."""
    for effect in effects:
        _perform(worker, effect)


def _perform(worker: Worker, effect: ShellEffect) -> None:  # noqa: PLR0912 - a branch an effect
    match effect:
        case do.SendOnConnection(connection, message, stamp):
            worker.connections.send(connection, _filled(worker, message, stamp), stamp)
        case do.Close(connection):
            worker.connections.close(connection)
        case do.Persist(record):
            worker.store.save_record(record)
        case do.PersistNever(cluster_id):
            worker.store.record_never(cluster_id)
        case do.Archive():
            worker.store.archive_record()
        case do.Formed(record):
            _formed(worker, record)
        case do.Report(text, level):
            (log.warning if level is Level.WARNING else log.info)(text)
        case do.WaitingFor(text):
            _waiting_for(worker, text)
        case do.PeerUp(member):
            if worker.running is not None and worker.running.links is not None:
                worker.running.links.move(member)
        case do.PeerDown(name):
            if worker.running is not None and worker.running.links is not None:
                worker.running.links.drop(name)
        case do.HandToStatus(sender, message):
            worker.on_status(sender, message)
        case do.StopOrderly():
            worker.nursery.start_soon(stop_orderly, worker)
        case do.ReadyToLeave():
            worker.may_leave.set()
        case do.JobDone():
            _job_done(worker)
        case change.WriteVote() | change.AdoptChange():
            _perform_change(worker, effect)
        case change.CopyAhead() | change.StageChange():
            _perform_change(worker, effect)
        case change.SetAside() | change.Unstage() | change.Seek() | change.SeekAt():
            _perform_change(worker, effect)
        case change.TellOperator() | change.Distrust():
            _perform_change(worker, effect)
        case _ if isinstance(effect, OfReplicas):
            _perform_replicas(worker, effect)
        case _:
            _perform_in_round(worker, effect)


def _perform_change(worker: Worker, effect: change.OfAChange) -> None:
    # When the cluster first changes: few ever do.
    from wallarood.runtime.change.deeds import perform_change  # noqa: PLC0415

    perform_change(worker, effect)


def _perform_replicas(worker: Worker, effect: OfReplicas) -> None:
    # When a part is first copied, or one of another comes.
    from wallarood.runtime.replicas import perform_replicas  # noqa: PLC0415

    perform_replicas(worker, effect)


def _perform_in_round(worker: Worker, effect: OfARound) -> None:  # noqa: PLR0912 - as above
    match effect:
        case do.PauseSources(reason):
            already = not worker.gate.is_open
            (log.info if already else log.warning)("sources pause", reason=reason)
            worker.gate.close("members", reason)
            worker.notify()
        case do.ResumeSources():
            worker.gate.open("members")
            log.info("sources run")
            worker.notify()
        case do.HaltJob():
            worker.nursery.start_soon(halt, worker)
        case do.ReadHoldings(attempt):
            in_turn(worker, partial(calls.read_holdings, attempt=attempt))
        case do.WriteRound(proposal):
            worker.change.end_staging()
            in_turn(worker, partial(calls.write_round, proposal=proposal))
        case do.BeginRound(proposal):
            worker.waiting_for = ""
            begin_round(worker, proposal)
            if proposal.afresh:
                in_turn(worker, calls.trust_again)
            worker.notify()
        case do.TakeBarrier(number, purpose, keep):
            checkpoints.take_barrier(worker, number, purpose=purpose, keep=keep)
        case do.ReleaseBarrier(number):
            checkpoints.release(worker, number)
        case do.HoldSources(reason):
            checkpoints.hold_sources(worker, reason)
        case do.DiscardCheckpoint(number):
            checkpoints.leave_out(worker, number)
            ours = worker.node.stamp.round
            in_turn(worker, partial(calls.discard, ours=ours, number=number))
        case do.RecordCommitted(number):
            ours = worker.node.stamp.round
            in_turn(worker, partial(calls.record_committed, ours=ours, number=number))
        case do.PublishSinks(number):
            checkpoints.publish(worker, number)
        case do.SlowestElsewhere(name, slowest):
            if worker.job is not None:
                worker.job.slowest_elsewhere(name, slowest)
        case do.ForgetKept(name):
            in_turn(worker, partial(calls.drop_kept, name=name))
        case _:
            assert_never(effect)


def _filled(worker: Worker, message: ControlMessage, stamp: Stamp) -> ControlMessage:
    """*message*; a heartbeat with what the job of its round knows and the node does not."""
    running = worker.running
    if not isinstance(message, Heartbeat) or running is None or running.job is None:
        return message
    if running.proposal.round != stamp.round:
        return message
    return attrs.evolve(message, slowest=running.job.slowest)


def _waiting_for(worker: Worker, text: str) -> None:
    if text and text != worker.waiting_for:
        log.info(text)
    worker.waiting_for = text
    worker.notify()


def _formed(worker: Worker, record: ClusterRecord) -> None:
    """The cluster exists: open the checkpoints, and connect to the members before this one."""
    name, workers = worker.member.name, record.topology.workers
    in_turn(worker, calls.open_store)
    for peer in workers[1 : workers.index(name)]:
        worker.nursery.start_soon(
            worker.connections.keep_dialling,
            peer,
            lambda peer=peer: worker.node.known(peer).control,
        )


def _job_done(worker: Worker) -> None:
    worker.waiting_for = ""
    stays = not worker.node.settings.exit_on_completion
    idle = "; this worker stays, idle: --exit-on-completion ends it, and SIGTERM or Ctrl-C"
    log.info("job completed" + (idle if stays else ""))
    worker.notify()
