"""Building the links and the job of a round from the checkpoint that it starts from."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
import trio

from wallarood.app.connector import AllCopied, Copied
from wallarood.control.events import JobBroke, SinksPublished
from wallarood.model.checkpoint import Restored
from wallarood.model.errors import first_error
from wallarood.model.pipeline import Application
from wallarood.model.topology import Topology
from wallarood.runtime.dataflow.build.crossing import codecs_of
from wallarood.runtime.dataflow.build.job import build_job, restore_states
from wallarood.runtime.dataflow.build.plan import Plan, Reporting
from wallarood.runtime.dataflow.build.stages import compile_stages
from wallarood.runtime.dataflow.build.wiring import Wiring
from wallarood.runtime.dataflow.inbox import Inbox
from wallarood.runtime.dataflow.limits import before_slow
from wallarood.runtime.peers.links import Links
from wallarood.runtime.profile import profile_codecs, profile_job
from wallarood.runtime.rounds.checkpoints import moved, write_part
from wallarood.runtime.store.calls import in_turn, record_begun
from wallarood.runtime.worker import Round, Worker
from wallarood.wire.records.codec import RecordCodec

log = structlog.get_logger(__name__)


async def restore(worker: Worker, round_: Round, failed: Callable[[BaseException], None]) -> None:
    """Build links and job from the proposed checkpoint; *failed* is told of a link that breaks."""
    record, settings = worker.node.record, worker.settings
    assert record is not None
    assert worker.checkpoints is not None
    await record_begun(worker, worker.turns.take(), proposal=round_.proposal)
    await worker.setups.open(worker.nursery, lambda error: worker.post(JobBroke(error)))
    wiring = Wiring(record.topology, worker.member.name)
    number = round_.proposal.checkpoint.number
    kept = worker.change.kept
    in_memory = kept.begin(round_.proposal.checkpoint, record.change) if kept is not None else ()
    restored: Restored = await trio.to_thread.run_sync(
        partial(worker.checkpoints.restore, number, without=in_memory)
    )
    copied, all_copied = _copied_of(worker)
    if record.change is not None:
        await _publish_left(worker, restored, round_.proposal.line, all_copied=all_copied)
    make = partial(restore_states, worker.application, wiring, restored)
    if kept is not None:
        make = partial(make, kept=kept.take)
    states = await trio.to_thread.run_sync(make)
    worker.change.kept = None  # what is left of it is of no use, and of a size
    segments = await trio.to_thread.run_sync(compile_stages, worker.application, wiring, states)
    codecs = codecs_of(worker.application, record.topology, rule=settings.pickle)
    if len(record.topology.workers) > 1:
        _say_what_is_pickled(codecs)
    if worker.profile is not None:
        codecs = profile_codecs(worker.profile, record.topology, codecs)
    links = round_.links = _links(worker, round_, codecs, failed=failed)
    plan = Plan(
        application=worker.application,
        wiring=wiring,
        cluster_id=record.cluster_id,
        cluster_path=worker.store.cluster_path,
        life=worker.member.incarnation.short,
        line=round_.proposal.line,
        restored=restored,
        gate=worker.gate,
        limits=settings.job,
        remote_port=links.remote_port,
        codecs=codecs,
        reporting=Reporting(
            lambda: moved(worker, round_),
            lambda part: in_turn(worker, partial(write_part, round_=round_, part=part)),
            lambda: round_.works.send_nowait(
                lambda job, nursery: nursery.start_soon(job.encode_ended)
            ),
        ),
        segments=segments,
        copied=copied,
        all_copied=all_copied,
    )
    round_.job = build_job(plan, states)
    round_.job.on_published = lambda number: worker.post(SinksPublished(number))
    if worker.profile is not None:
        profile_job(worker.profile, round_.job, worker.application)
    if worker.tracer is not None:
        worker.tracer.built(round_.job)
    log.info("running", round=round_.proposal.round, checkpoint=str(round_.proposal.checkpoint))
    worker.notify()


def _links(
    worker: Worker,
    round_: Round,
    codecs: Mapping[int, RecordCodec],
    *,
    failed: Callable[[BaseException], None],
) -> Links:
    record, me = worker.node.record, worker.member
    assert record is not None
    return Links(
        round=round_.proposal.round,
        cluster_id=record.cluster_id,
        member=me,
        members={each.name: each for each in round_.proposal.members if each.name != me.name},
        dial=worker.dial_data,
        limits=worker.settings.links,
        codecs=codecs,
        on_failed=lambda error: failed(first_error(error)),
        inbox=lambda edge: _inbox(round_, edge),
        narrow=_narrow(worker.application, record.topology),
    )


async def _publish_left(
    worker: Worker, restored: Restored, line: int, *, all_copied: AllCopied | None
) -> None:
    from wallarood.runtime.change import inheriting  # noqa: PLC0415 - after a change

    await inheriting.publish_left(worker, restored, line, all_copied=all_copied)
    await inheriting.forget_copies(worker, restored.checkpoint)


def _say_what_is_pickled(codecs: Mapping[int, RecordCodec]) -> None:
    """Name the steps whose type hints cost speed; that others have none is no news."""
    slow = {each.maker: each for each in codecs.values() if each.why_untyped}
    for maker, codec in slow.items():
        if codec.record is not Any:
            log.info("records are pickled between workers", by=maker, reason=codec.why_untyped)


def _inbox(round_: Round, edge: int) -> Inbox:
    assert round_.job is not None
    return round_.job.inbox(edge)


def _copied_of(worker: Worker) -> tuple[Copied | None, AllCopied | None]:
    """What a journal calls when it has grown, and a sink awaits; None: nothing is copied."""
    copies = worker.node.machines.copies
    if copies is None or copies.replicator is None:
        return None, None
    # In the first round of a cluster that keeps replicas.
    from wallarood.runtime.replicas import (  # noqa: PLC0415
        all_copied_to_holder,
        copied_to_holder,
    )

    return copied_to_holder(worker), all_copied_to_holder(worker)


def _narrow(application: Application, topology: Topology) -> frozenset[int]:
    """The edges on which little may be in flight: what they lead to is slow."""
    stages = before_slow(application, topology)
    return frozenset(edge.index for edge in topology.edges if edge.target in stages)
