"""`wallarood run --profile FILE`: the profile of a worker as a file that stays up to date."""

import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import structlog
import trio

from wallarood.admin.text.table import table
from wallarood.model.errors import CannotCreateError, WallaroodError
from wallarood.runtime.profile import Profile, Spent
from wallarood.storage.files import write_atomic

REFRESH_S = 3.0

log = structlog.get_logger(__name__)


class Work(Protocol):
    """What runs a worker."""

    def __call__(self, *, profile: Profile | None) -> Awaitable[None]:
        """Run it to its end; *profile*, if there is one, collects where its time goes."""


async def profiled(work: Work, file: Path, worker: str) -> None:
    """Run *work* and write its profile to *file*: every few seconds, and at the end.

    Raises CannotCreateError: the file cannot be written when the worker starts; later that is
    only logged. Raises what *work* raises.
    """
    profile = Profile()
    write = make_writer(profile, file, worker)
    write()
    failure: WallaroodError | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_refresh, write)
        try:
            await work(profile=profile)
        except WallaroodError as error:  # its exit code would be lost in a group
            failure = error
        nursery.cancel_scope.cancel()
    _try(write)
    if failure is not None:
        raise failure


async def _refresh(write: Callable[[], None]) -> None:
    while True:
        await trio.sleep(REFRESH_S)
        await trio.to_thread.run_sync(_try, write)


def _try(write: Callable[[], None]) -> None:
    try:
        write()
    except CannotCreateError as error:
        log.warning("the profile cannot be written", reason=str(error))


def make_writer(profile: Profile, file: Path, worker: str) -> Callable[[], None]:
    """A function that replaces *file* by what *profile* says at that moment."""
    cpu_before = time.process_time()

    def write() -> None:
        facts = summary(
            profile,
            worker,
            elapsed_s=time.perf_counter() - profile.began,
            cpu_s=time.process_time() - cpu_before,
        )
        text = json.dumps(facts, indent=2) if file.suffix == ".json" else as_text(facts)
        write_atomic(file, text.encode() + b"\n", mode=0o644)

    return write


def summary(profile: Profile, worker: str, *, elapsed_s: float, cpu_s: float) -> dict[str, Any]:
    """What *profile* says, as a JSON value: hops that were used, the longest first."""
    hops = [hop for hop in list(profile.hops.values()) if hop.calls]
    hops.sort(key=lambda hop: (hop.spent is Spent.WAIT, -hop.seconds))
    work_s = sum(hop.seconds for hop in hops if hop.spent is Spent.WORK)
    return {
        "worker": worker,
        "pid": os.getpid(),
        "elapsed_s": round(elapsed_s, 3),
        "cpu_s": round(cpu_s, 3),
        "work_s": round(work_s, 3),
        "hops": [
            {
                "stage": hop.stage,
                "hop": hop.what,
                "kind": hop.spent.value,
                "seconds": round(hop.seconds, 6),
                "calls": hop.calls,
                "records": hop.records,
            }
            for hop in hops
        ],
    }


def as_text(facts: dict[str, Any]) -> str:
    """The same for people. Shares are of the time that has passed."""
    elapsed_s = max(facts["elapsed_s"], 1e-9)
    rows = [
        (
            hop["stage"],
            hop["hop"],
            hop["kind"],
            f"{hop['seconds']:,.3f}",
            f"{hop['seconds'] / elapsed_s:.1%}",
            hop["calls"],
            hop["records"] or None,
            f"{hop['seconds'] / hop['records'] * 1e6:,.2f}" if hop["records"] else None,
        )
        for hop in facts["hops"]
    ]
    heads = ("stage", "hop", "kind", "seconds", "share", "calls", "records", "us a record")
    return (
        f"worker {facts['worker']}: {facts['elapsed_s']:,.1f} s passed, {facts['cpu_s']:,.1f} s of "
        f"CPU, {facts['work_s']:,.1f} s in the work below\n"
        "(work holds the event loop or a thread; waits of several tasks overlap)\n\n"
        + table(heads, rows)
    )
