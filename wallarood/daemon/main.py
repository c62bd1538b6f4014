"""The composition root: builds everything a worker is made of, and takes it down again.

Signal handlers come first, so that a stop is heeded at every moment. Then, in this order: the state
directory, the listeners, the machines, the admin socket. A stop goes the other way.
"""

import gc
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import structlog
import trio

from wallarood.admin.orders import Orders
from wallarood.config.keys import Config
from wallarood.control.change.effects import SetAside
from wallarood.control.events import Event, LeaveWanted
from wallarood.control.formation.initializer import Initializer
from wallarood.control.formation.startup import AUTO, Role
from wallarood.control.worker_state import WorkerState
from wallarood.daemon.doors import Doors
from wallarood.daemon.ending import Ending
from wallarood.daemon.left import Left
from wallarood.daemon.reload import Reloader
from wallarood.daemon.start.addresses import ask_occupant, listen
from wallarood.daemon.start.building import Parts, build_worker, formation_settings
from wallarood.daemon.start.choice import Start, starting_as
from wallarood.daemon.start.roles import LeaderSought, started_as
from wallarood.daemon.start.settings import credentials, net_limits
from wallarood.daemon.stopping import LATE_S, Signals, checkpoint_first, leave_s
from wallarood.daemon.telling import log_context, stuck, tell_status
from wallarood.daemon.watching import Watching
from wallarood.logs import add_context
from wallarood.model.change import Trust
from wallarood.model.errors import CannotCreateError, WallaroodError, first_error
from wallarood.model.ids import Address, ClusterId, Incarnation, parse_address
from wallarood.model.messages import Member
from wallarood.model.pipeline import Application
from wallarood.net.control import load_websocket, serve_control
from wallarood.net.tcp import serve_data
from wallarood.runtime.driver import drive, step
from wallarood.runtime.ports import DataChannel
from wallarood.runtime.profile import Profile
from wallarood.runtime.worker import Woken, Worker
from wallarood.storage.archives import read_evicted
from wallarood.storage.seat import take_seat
from wallarood.storage.state_directory import open_state_directory
from wallarood.systemd import listeners
from wallarood.systemd.notify import notify
from wallarood.systemd.watchdog import keep_watch

QUEUE_EVENTS_MAX = 1024
SWITCH_INTERVAL_S = 0.0005
"""How long a thread waits for the interpreter while the event loop is busy. Writing a
checkpoint takes some twenty turns: with Python's default of 5 ms a write of 1 ms was seen to take
seconds."""
GC_ALLOCATIONS = 50_000
"""After how many new objects the garbage collector looks at them. A batch in flight makes some
thousand and drops them again; with Python's default of 700 most of them are looked at in vain."""

Events: TypeAlias = trio.MemoryReceiveChannel[Event | Woken]

log = structlog.get_logger(__name__)


async def run_worker(
    config: Config,
    application: Application,
    read: Callable[[], Config],
    *,
    ending: Ending,
    profile: Profile | None = None,
) -> None:
    """Run one worker until it is stopped, or its job is done and it is to end then.

    *read* reads the configuration again for a reload. *ending* sees to it that the process ends in
    time, whatever still runs in it. *profile* is told where the time goes.

    Raises WallaroodError: it cannot start or continue; `exit_code` says what that means.
    """
    try:
        await _run_worker(config, application, read, ending=ending, profile=profile)
    except BaseExceptionGroup as group:
        ours, others = group.split(WallaroodError)
        if ours is None or others is not None:
            raise
        raise first_error(ours) from None


async def _run_worker(
    config: Config,
    application: Application,
    read: Callable[[], Config],
    *,
    ending: Ending,
    profile: Profile | None,
) -> None:
    signals = Signals(ending, config["timing.stop"])
    async with trio.open_nursery() as nursery:
        await nursery.start(signals.heed)
        nursery.start_soon(signals.stop_early, nursery.cancel_scope)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.set_threshold(GC_ALLOCATIONS, *gc.get_threshold()[1:])
        gc.freeze()  # modules and application stay
        gc.enable()
        listeners.take()
        opened = open_state_directory(Path(config["worker.state-directory"]))
        with closing(opened) as state, Doors() as doors:
            key, limits = credentials(config), net_limits(config)
            parts = Parts(config, application, state, key, limits, profile)
            await _Daemon(parts, signals, read, doors).run()
        nursery.cancel_scope.cancel()


@attrs.define(eq=False)
class _Daemon:
    parts: Parts
    signals: Signals
    read: Callable[[], Config]
    doors: Doors
    known: tuple[Address, ...] = ()
    """Where the members are of a cluster that this worker was in once, and joins again."""
    left: Left = attrs.field(factory=Left)
    began_at: float = attrs.field(factory=trio.current_time)

    async def run(self) -> None:
        """Run until the worker ends; one that was brought up to date restarts."""
        parts = self.parts
        evicted = read_evicted(parts.state.path)
        if evicted is not None and evicted.ends:
            from wallarood.daemon.start.aside import has_left  # noqa: PLC0415 - few ever leave

            if has_left(parts.state):
                return
        self.known = evicted.members if evicted and parts.config["worker.join"] else ()
        wanted = None
        while await self._serve(parts.state.next_incarnation(), wanted):
            log.info("restarting with the updated topology")
            wanted = AUTO  # it goes on, also where a start would form a new cluster

    async def _serve(self, life: Incarnation, wanted: ClusterId | None) -> bool:
        """Run a worker until it ends; whether it is to start again."""
        parts = self.parts
        start = await starting_as(
            *(parts.config, parts.application, parts.state),
            wanted=wanted,
            role=Role.NEWCOMER if self.known else None,
        )
        if parts.config["worker.count"] > 1:
            load_websocket()
        try:
            listening = await listen(parts.config, start.record, life)
        except CannotCreateError:
            await self._ask_occupant(start)
            raise
        seat = take_seat(parts.state.path)
        if seat.restored:
            log.warning("this state directory was restored: no vote", reason=seat.restored)
        member = attrs.evolve(listening.member, seat=seat.seat)
        if start.upgrade is not None:
            member = attrs.evolve(member, version=start.upgrade.digest)
        log.info("listening", control=str(member.control), data=str(member.data))
        founding = formation_settings(parts, member, start.listings)
        founding = attrs.evolve(
            founding,
            wanted_cluster_id=start.asked,
            trust=Trust.RESTORED if seat.restored else Trust.WHOLE,
            upgrade=start.upgrade,
            waits=start.waits,
            forms_new=founding.forms_new and wanted is None,
        )
        events_in, events = trio.open_memory_channel[Event | Woken](QUEUE_EVENTS_MAX)
        async with trio.open_nursery() as nursery:
            worker = build_worker(
                parts,
                founding,
                start,
                events=events_in,
                nursery=nursery,
                data=listening.data,
            )
            self.left.hand_to(worker)
            net: dict[str, Any] = {"key": parts.key, "limits": parts.limits}
            nursery.start_soon(
                partial(serve_control, **net), listening.control, worker.connections.accept
            )
            nursery.start_soon(
                partial(serve_data, **net), listening.data, partial(_accept_data, worker)
            )
            reloader = Reloader(parts.config, self.read, worker, parts.limits, parts.key.tls)
            self.signals.reload = reloader.reload
            add_context(partial(log_context, worker))
            await nursery.start(self._watching(worker, reloader).serve)
            if not worker.node.leads and _seeks_leader(worker):
                seek = LeaderSought(worker, started_as(parts.config, start.record), self.known)
                nursery.start_soon(worker.connections.keep_dialling, "", seek)
            notify("READY=1", f"STATUS={worker.status_text}")
            nursery.start_soon(tell_status, worker)
            nursery.start_soon(keep_watch, partial(stuck, worker))
            await self._drive(worker, events)
            nursery.cancel_scope.cancel()
        if worker.change.failure is not None:
            raise worker.change.failure
        if (aside := worker.change.set_aside) is not None:
            return self._set_aside(aside)
        if worker.node.failure is not None:
            raise parts.state.with_archived(worker.node.failure)
        return self._starts_again(worker)

    def _starts_again(self, worker: Worker) -> bool:
        """Whether this process goes on with another worker, of the epoch that is now."""
        if self.signals.stopping.is_set() or worker.change.failure is not None:
            return False
        if (aside := worker.change.set_aside) is not None:
            return bool(aside.exit_code) and bool(self.parts.config["worker.join"])
        return worker.node.failure is None and worker.node.state is WorkerState.OUTDATED

    def _set_aside(self, aside: SetAside) -> bool:
        """The cluster goes on without this worker: archive what it has; whether it joins anew.

        One that was told to leave has left, whatever its configuration.
        """
        from wallarood.daemon.start.aside import put_aside  # noqa: PLC0415 - few ever are

        if not put_aside(self.parts.config, self.parts.state, aside):
            return False
        self.known = tuple(member.control for member in aside.members)
        return not self.signals.stopping.is_set()

    def _watching(self, worker: Worker, reloader: Reloader) -> Watching:
        orders = Orders(worker, self.signals.stop_s, reloader.reload)
        of = (worker, self.parts.config, self.parts.state.path)
        return Watching(*of, orders, self.doors, self.began_at)

    async def _ask_occupant(self, start: Start) -> None:
        if started_as(self.parts.config, start.record) is Role.INITIALIZER:
            address = parse_address(self.parts.config["worker.control-channel"])
            me = Member(self.parts.config["worker.name"], address, address, Incarnation(0, ""))
            join = formation_settings(self.parts, me, start.listings).join(nonce="")
            join = attrs.evolve(join, initializer=True)
            await ask_occupant(address, join, key=self.parts.key, limits=self.parts.limits)

    async def _drive(self, worker: Worker, events: Events) -> None:
        async with trio.open_nursery() as nursery:

            async def stop() -> None:
                await self.signals.stopping.wait()
                await checkpoint_first(worker, self.signals.stop_s, self.signals.ending)
                nursery.cancel_scope.cancel()

            self.signals.driving = True
            nursery.start_soon(stop)
            await drive(worker, events)
            nursery.cancel_scope.cancel()
        await self._leave(worker)

    async def _leave(self, worker: Worker) -> None:
        """End in an orderly way, whatever the reason: say so, stop the job, flush, close."""
        failure, again = worker.node.failure, self._starts_again(worker)
        if again:
            # Who says that it stops is killed by the service manager when it goes on.
            notify("STATUS=restarting: the cluster has changed")
        else:
            notify("STOPPING=1")
            self.signals.ending.code = failure.exit_code if failure else 0
            self.signals.ending.within(leave_s(self.signals.stop_s) + LATE_S)
        with trio.CancelScope(shield=True), trio.move_on_after(leave_s(self.signals.stop_s)):
            step(worker, LeaveWanted())
            if worker.round is not None:
                worker.round.scope.cancel()
                await worker.round.ended.wait()
            await worker.setups.close()
            await worker.turns.wait_idle()
            await worker.connections.close_all()
        if again:  # the next one begins with what is being written, however slow the disk is
            with trio.CancelScope(shield=True):
                await worker.turns.wait_idle()
        worker.turns.end()
        self.left.take_from(worker, self.parts.state)


def _seeks_leader(worker: Worker) -> bool:
    """Whether this worker dials the leader: after a change that need not be the initializer."""
    formation, record = worker.node.machines.formation, worker.node.record
    changed = record is not None and record.topology.epoch > 1
    return changed or not isinstance(formation, Initializer)


async def _accept_data(worker: Worker, channel: DataChannel) -> None:
    # With the first connection of another worker, which not each cluster has.
    from wallarood.runtime.peers.accepting import accept_data  # noqa: PLC0415

    await accept_data(worker, channel)
