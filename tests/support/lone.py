"""A worker in this process: a cluster of one with a real state directory, built as the daemon does.

It listens nowhere. What it says and decides is seen on it, while its driver runs.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

import wallarood as w
from support.patience import patiently
from wallarood.admin.figures.report import Figures
from wallarood.admin.figures.sampler import Sampler
from wallarood.admin.reporter import StatusReporter
from wallarood.config.keys import Config
from wallarood.config.load import load_config
from wallarood.control.events import Event, LeaveWanted
from wallarood.daemon.start.building import Parts, build_worker, formation_settings
from wallarood.daemon.start.choice import starting_as
from wallarood.daemon.start.settings import credentials, net_limits
from wallarood.model.ids import Address
from wallarood.model.messages import Member
from wallarood.model.pipeline import Application
from wallarood.runtime.driver import drive, step
from wallarood.runtime.profile import Profile
from wallarood.runtime.tracer import Tracer
from wallarood.runtime.worker import Woken, Worker
from wallarood.storage.state_directory import open_state_directory

HERE = Address("127.0.0.1", 1)


def endless(records: list[int], rate: int = 1000) -> Application:
    """Numbers without an end, into *records*."""
    source = w.source("numbers", w.GeneratorSource(rate=rate))
    return w.application("endless", source.to_sink(w.ListSink(records)))


def config_of(directory: Path, **values: Any) -> Config:
    """A configuration with *values* (``section__key``) and its state below *directory*."""
    given = {"worker__name": "alpha", "worker__state_directory": str(directory / "state"), **values}
    names = {name.replace("__", ".").replace("_", "-"): value for name, value in given.items()}
    return load_config([], {name: ("test", value) for name, value in names.items()})


def reporter_of(worker: Worker) -> StatusReporter:
    """What tells of *worker*, with figures that nothing samples yet."""
    return StatusReporter(worker, Figures(Sampler(worker)), process_began_at=trio.current_time())


@attrs.frozen
class Lone:
    """A worker that runs, and how it came to be."""

    worker: Worker
    parts: Parts

    async def until(self, so: Callable[[], object]) -> None:
        """Wait until something is so."""
        with patiently(20):
            while not so():  # noqa: ASYNC110 - no part of a worker tells all others
                await trio.sleep(0.005)

    async def running(self) -> None:
        """Wait until its job runs, or has run: a short one is done before a look."""
        await self.until(lambda: self.worker.phase in ("running", "completed"))

    async def leave(self) -> None:
        """End in an orderly way, as at SIGTERM when there is no time for a checkpoint."""
        step(self.worker, LeaveWanted())
        if self.worker.round is not None:
            self.worker.round.scope.cancel()
            await self.worker.round.ended.wait()
        await self.worker.turns.wait_idle()


@asynccontextmanager
async def lone_worker(
    directory: Path,
    application: Application,
    *,
    driven: bool = True,
    profile: Profile | None = None,
    tracer: Tracer | None = None,
    **values: Any,
) -> AsyncIterator[Lone]:
    """A `Lone` for a `with` statement; *values* are those of `config_of`.

    One that is not *driven* has not begun.
    """
    config = config_of(directory, **values)
    state = open_state_directory(Path(config["worker.state-directory"]))
    try:
        start = await starting_as(config, application, state)
        parts = Parts(config, application, state, credentials(config), net_limits(config), profile)
        member = Member(config["worker.name"], HERE, HERE, state.next_incarnation())
        founding = formation_settings(parts, member, start.listings)
        events_in, events = trio.open_memory_channel[Event | Woken](1024)
        async with trio.open_nursery() as nursery:
            worker = build_worker(
                parts, founding, start, events=events_in, nursery=nursery, data=[]
            )
            worker.tracer = tracer
            lone = Lone(worker, parts)
            if driven:
                nursery.start_soon(drive, worker, events)
            yield lone
            if driven:
                with trio.CancelScope(shield=True):
                    await lone.leave()
            nursery.cancel_scope.cancel()
        if worker.checkpoints is not None:
            worker.checkpoints.close()
    finally:
        state.close()
