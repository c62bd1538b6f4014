"""One round on this worker: from the proposal to the running job, and its end.

Theory of operation
===================
Everything of a round lives in one cancel scope: links, tasks, publishing. A round begins with what
the store gives back of the proposed checkpoint; until the job stands, what needs it waits. A round
that is halted has come to rest when its tasks have ended, its sinks are closed and the store is
idle: nothing of it is written afterwards.
"""

import structlog
import trio

from wallarood.control.events import JobBroke, JobDrained, JobHalted
from wallarood.flow.failures import host_failed, is_of_host, place_of, text_of
from wallarood.model.errors import (
    ApplicationError,
    LocalProtocolError,
    WallaroodError,
    first_error,
)
from wallarood.model.messages import RoundProposal
from wallarood.runtime.rounds.checkpoints import tell_progress
from wallarood.runtime.rounds.restoring import restore
from wallarood.runtime.worker import Round, Worker

log = structlog.get_logger(__name__)


def begin_round(worker: Worker, proposal: RoundProposal) -> None:
    """Begin the round of *proposal*, which is durable everywhere."""
    worker.round = Round(proposal)
    worker.change.gone, worker.change.ahead = {}, None
    worker.gate.open("stop")
    worker.gate.open("hold")
    worker.gate.open("start")
    worker.nursery.start_soon(_run, worker, worker.round)


async def _run(worker: Worker, round_: Round) -> None:
    try:
        with round_.scope:
            async with trio.open_nursery() as round_.nursery:
                await restore(worker, round_, lambda error: _fail(worker, error))
                assert round_.links is not None
                round_.nursery.start_soon(round_.links.run)
                assert round_.job is not None
                round_.nursery.start_soon(_run_job, worker, round_)
                round_.nursery.start_soon(round_.job.publish)
                round_.nursery.start_soon(round_.do_works)
                round_.nursery.start_soon(tell_progress, worker, round_)
                worker.checkpoint_log.job_began(trio.current_time())
                round_.ready.set()
                if worker.tracer is not None:
                    worker.tracer.ready(round_.proposal.round)
                await trio.sleep_forever()
    except* LocalProtocolError:
        raise
    except* Exception as group:
        _fail(worker, first_error(group))
    finally:
        with trio.CancelScope(shield=True):
            if round_.links is not None:
                round_.links.end()
            if round_.job is not None:
                await round_.job.aclose()
        round_.scope.cancel()
        round_.ready.set()
        round_.ended.set()


def _fail(worker: Worker, error: BaseException) -> None:
    """The job cannot continue here; if that is its own fault, all workers end."""
    log.debug("the job cannot continue", exc_info=error)
    if is_of_host(error):
        error = host_failed("the job", error)
    elif not isinstance(error, WallaroodError):
        log.error("unexpected error in the job", exc_info=error)
        error = ApplicationError(f"unexpected error in the job{place_of(error)}: {text_of(error)}")
    worker.post(JobBroke(error))


async def _run_job(worker: Worker, round_: Round) -> None:
    assert round_.job is not None
    await round_.job.run()
    if round_.job.drained:
        worker.post(JobDrained())


async def halt(worker: Worker) -> None:
    """End the round; `JobHalted` when it has come to rest."""
    round_ = worker.round
    if round_ is not None:
        round_.scope.cancel()
        await round_.ended.wait()
    await worker.turns.wait_idle()
    worker.post(JobHalted())
