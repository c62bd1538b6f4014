"""What the daemon tells of its worker: to the journal, to systemd and its watchdog."""

import time

import trio

from wallarood.runtime.worker import Worker
from wallarood.systemd.notify import notify

STATUS_S = 5.0


def log_context(worker: Worker) -> dict[str, str]:
    """The fields that every entry of the journal has."""
    stamp = worker.node.stamp
    return {
        "WALLAROOD_WORKER": worker.member.name,
        "WALLAROOD_CLUSTER_ID": stamp.cluster_id,
        "WALLAROOD_EPOCH": str(stamp.epoch),
        "WALLAROOD_ROUND": str(stamp.round),
    }


def stuck(worker: Worker) -> str:
    """Why this worker does not get on, though it could; empty if it does."""
    job = worker.job
    if job is None:
        return ""
    return job.stuck(time.perf_counter(), worker.settings.job.blocking_call_s)


async def tell_status(worker: Worker) -> None:
    """Keep the age of the last checkpoint fresh in what systemd shows."""
    while True:
        await trio.sleep(STATUS_S)
        notify(f"STATUS={worker.status_text}")
