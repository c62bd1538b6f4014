"""What a worker still does for its output when it leaves: publish it, or say what is left."""

import structlog
import trio

from wallarood.control.events import OutputPublished
from wallarood.runtime.worker import Round, Worker

LOOK_S = 0.02
PUBLISH_S = 10.0
"""How long output may be published when the cluster is shut down."""
LAST_S = 2.0
"""How much longer the one that was asked waits for the others to end."""

log = structlog.get_logger(__name__)


async def publish_what_can_be(running: Round, committed: int, until: float) -> None:
    """Wait until sinks have published what they can up to *committed*, and say what is left."""
    sinks = running.job.sinks if running.job is not None else []
    while trio.current_time() < until:
        if not any(each.published < committed and not each.failing for each in sinks):
            break
        await trio.sleep(LOOK_S)
    for sink in sinks:
        if sink.published < committed:
            log.warning(
                "stopping before all output is published; it is published at the next start",
                sink=sink.context.step,
                transactions=sink.unpublished,
                reason=sink.failing or "it takes too long",
            )


async def stop_orderly(worker: Worker) -> None:
    """End this worker, for its cluster is shut down."""
    running, machines = worker.running, worker.node.active_round
    if running is not None and machines is not None:
        committed = machines.checkpoint_member.committed
        await publish_what_can_be(running, committed, trio.current_time() + PUBLISH_S)
    log.info("the cluster is shut down by an operator")
    until = trio.current_time() + PUBLISH_S + LAST_S
    while worker.node.ends_last and trio.current_time() < until:
        if not worker.node.connected:
            break
        await trio.sleep(LOOK_S)
    worker.may_leave.set()
    worker.post(OutputPublished())
