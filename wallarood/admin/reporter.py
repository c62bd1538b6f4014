"""From a worker at run time to what it says about itself."""

from collections import Counter
from functools import partial

import attrs
import trio

from wallarood import __version__
from wallarood.admin.figures.report import (
    Figures,
    copy_of,
    delivery_of,
    links_of,
    runs_of,
    sink_of,
)
from wallarood.admin.status import (
    ChangeAnswer,
    CheckpointStatus,
    DepartedStatus,
    JobState,
    SourceStatus,
    StageStatus,
    Status,
    WorkerStatus,
    bytes_read,
)
from wallarood.control.membership.presence import Peer, Presence
from wallarood.model.change import Trust
from wallarood.model.cluster_record import ClusterRecord
from wallarood.model.time import MIN_TIME
from wallarood.runtime.checkpoint_log import Outcome
from wallarood.runtime.dataflow.job import Job
from wallarood.runtime.dataflow.tasks.sink_task import Waiting
from wallarood.runtime.worker import Worker

_STATES = {
    Presence.EXPECTED: "away",
    Presence.CONNECTED: "connected",
    Presence.MISSING: "away",
    Presence.LEFT: "left",
}


@attrs.define(eq=False)
class StatusReporter:
    """Makes a `Status` of *worker* whenever it is asked, with the figures of *figures*."""

    worker: Worker
    figures: Figures
    began_at: float = attrs.field(factory=trio.current_time)
    process_began_at: float = attrs.field(kw_only=True)

    def status(self) -> Status:
        """The worker at this moment."""
        worker, now = self.worker, trio.current_time()
        record, job = worker.node.record, worker.job
        sources = self._sources(job) if job is not None else ()
        waiting = worker.waiting
        return Status(
            worker=worker.member.name,
            version=__version__,
            job=JobState(worker.phase),
            phase=worker.phase_text,
            uptime_s=now - self.process_began_at,
            life_s=now - self.began_at,
            application=worker.application.name,
            cluster_id=record.cluster_id if record is not None else None,
            epoch=record.topology.epoch if record is not None else 0,
            round=worker.node.stamp.round,
            waiting_for=(waiting,) if waiting else (),
            workers=self._workers(now),
            stages=self._stages(job) if job is not None else (),
            sources=sources,
            rate=self.figures.sampler.read_rate,
            checkpoint=self._checkpoint(now),
            failure=worker.node.failure.message if worker.node.failure is not None else "",
            host=self.figures.sampler.host(),
            links=links_of(worker.running.links if worker.running is not None else None),
            delivery=delivery_of(worker.checkpoint_log),
            moving=worker.change.moving,
            restored=_is_restored(worker),
            departed=_departed(record),
            changes=tuple(
                ChangeAnswer(each.name, each.taken, each.text) for each in worker.change.answers
            ),
        )

    def _checkpoint(self, now: float) -> CheckpointStatus:
        worker, last = self.worker, self.worker.last_checkpoint
        active, copies = worker.node.active_round, worker.node.machines.copies
        member = active.checkpoint_member if active is not None else None
        kept = worker.checkpoints.kept if worker.checkpoints is not None else {}
        return CheckpointStatus(
            committed=member.committed if member is not None else 0,
            taken=member.taken if member is not None else 0,
            last=last.number if last is not None else None,
            age_s=now - last.at if last is not None else None,
            duration_s=last.duration_s if last is not None else None,
            size_bytes=last.size_bytes if last is not None else None,
            waiting_for=worker.checkpoint_waits_for,
            failing=worker.disk_problem,
            kept=tuple(sorted(kept.items())),
            succeeded=worker.checkpoint_log.counts[Outcome.COMMITTED],
            abandoned=worker.checkpoint_log.counts[Outcome.ABANDONED],
            failed=worker.checkpoint_log.counts[Outcome.FAILED],
            recent=runs_of(worker.checkpoint_log),
            copy=copy_of(
                copies.replicator if copies is not None else None,
                worker.replicas,
                committed=member.committed if member is not None else 0,
                saved=partial(_saved, worker),
            ),
        )

    def _workers(self, now: float) -> tuple[WorkerStatus, ...]:
        worker = self.worker
        here = WorkerStatus(worker.member.name, str(worker.member.control), "here")
        membership = worker.node.machines.membership
        if membership is None:
            return (here,)
        peers = membership.peers
        return tuple(
            here if name == worker.member.name else _peer(peers[name], now)
            for name in worker.node.workers
        )

    def _stages(self, job: Job) -> tuple[StageStatus, ...]:
        table = "its table is being read"
        waits = {each.stage.index: table for each in job.stages if each.alignment.waits}
        failing = {each.stage: each.waits for each in job.sinks}
        sinks = {each.stage: each for each in job.sinks}
        waiting = {index: each.waiting for index, each in sinks.items()}
        for stage in job.wiring.stages:
            if (source := job.sources.get(stage.steps[0])) is not None:
                failing[stage.index] = source.waits
        pickled, figures = self._pickled(job), self.figures
        hot = {each.stage.index: figures.hot_keys(each) for each in job.stages}
        slots = {each.stage.index: each.looks.slots for each in job.stages if each.looks.slots}
        return tuple(
            figures.added(
                StageStatus(
                    index=stage.index,
                    name=stage.name,
                    kind=stage.kind.value,
                    records_in=counters.records_in,
                    records_out=counters.records_out,
                    skipped=counters.skipped,
                    dead_letters=counters.dead_letters,
                    backlog=job.inboxes[stage.index].backlog_batches,
                    overruns=counters.overruns,
                    in_hand=counters.in_hand,
                    pickled=pickled[stage.index],
                    failing=failing.get(stage.index, ""),
                    unpublished=waiting.get(stage.index, Waiting()).transactions,
                    unpublished_bytes=waiting.get(stage.index, Waiting()).size_bytes,
                    sink=sink_of(sinks.get(stage.index), waiting.get(stage.index, Waiting())),
                    watermark=stamp_or_none(job.watermark(stage.index)),
                    waits=waits.get(stage.index, ""),
                    late=tuple(sorted(counters.late.items())),
                    hot_keys=hot.get(stage.index, ()),
                    slots=tuple(counts.shares()) if counts is not None else (),
                    slot_skew=counts.skew() if counts is not None else None,
                ),
                counters,
            )
            for stage in job.wiring.stages
            for counters, counts in ((job.counters[stage.index], slots.get(stage.index)),)
        )

    def _pickled(self, job: Job) -> Counter[int]:
        """How many records of each stage did not go to other workers by their type hints."""
        links = self.worker.round.links if self.worker.round is not None else None
        counts: Counter[int] = Counter()
        for edge in job.wiring.topology.edges if links is not None else ():
            if links is not None and edge.index in links.codecs:
                counts[edge.source] += links.codecs[edge.index].untyped.records
        return counts

    def _sources(self, job: Job) -> tuple[SourceStatus, ...]:
        found, figures = [], self.figures
        for task in job.sources.values():
            repeat = getattr(task.source, "repeat", 1)
            times = task.source_time.partitions if task.source_time is not None else {}
            for partition, counters in task.partitions.items():
                total = task.source.size_bytes(partition)
                time, away = times.get(partition), task.away_of(partition)
                reader = task.readers.get(partition)
                found.append(
                    SourceStatus(
                        source=task.step,
                        partition=partition,
                        worker=self.worker.member.name,
                        records=counters.records,
                        bytes_read=bytes_read(counters.position, total, repeat),
                        bytes_total=total,
                        ended=counters.ended,
                        watermark=None if time is None else stamp_or_none(time.watermark),
                        condition="" if time is None else time.condition.value,
                        away="" if away is None else away.waits,
                        away_since=None if away is None else away.since,
                        reconnects=0 if away is None else away.again,
                        lag_records=getattr(reader, "lag_records", None),
                        log_lag_bytes=getattr(reader, "lag_bytes", None),
                        rate=(shares := figures.sampler.source(task.step, partition)).rate_in,
                        blocked=shares.blocked,
                    )
                )
        return tuple(found)


def _saved(worker: Worker) -> bool:
    """Whether what is committed is had without this disk though it is not copied yet."""
    from wallarood.control.replicas.ring import saved_by_older_layout  # noqa: PLC0415 - with copies

    record, store = worker.node.record, worker.checkpoints
    change = record.change if record is not None else None
    if record is None or change is None or store is None:
        return False
    began = store.committed.number <= change.basis.number
    return began and saved_by_older_layout(record, store.replicas.held)


def _is_restored(worker: Worker) -> bool:
    """Whether the state directory is a copy, as is known here."""
    view = worker.node.machines.view
    return view is not None and view.trust is Trust.RESTORED


def _peer(peer: Peer, now: float) -> WorkerStatus:
    heard = now - peer.last_heard if peer.presence is not Presence.EXPECTED else None
    member = peer.member
    return WorkerStatus(member.name, str(member.control), _STATES[peer.presence], heard)


def stamp_or_none(watermark: int) -> int | None:
    """*watermark*, unless nothing is known of time."""
    return None if watermark == MIN_TIME else watermark


def _departed(record: ClusterRecord | None) -> tuple[DepartedStatus, ...]:
    departed = record.departed if record is not None else ()
    return tuple(DepartedStatus(each.name, each.why.value, each.epoch) for each in departed)
