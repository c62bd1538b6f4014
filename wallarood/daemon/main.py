"""The composition root: builds everything a worker is made of, and takes it down again.

Signal handlers come first, so that a stop is heeded at every moment. Then, in this order: the state
directory, the listeners, the machines, the admin socket. A stop goes the other way.
"""

import gc
import secrets
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import structlog
import trio

from wallarood.admin.gathering import Gathering
from wallarood.admin.orders import Orders
from wallarood.admin.reporter import StatusReporter
from wallarood.admin.server import serve_admin
from wallarood.config.keys import Config
from wallarood.control.events import Event, KeyRefused, LeaveWanted
from wallarood.control.formation.founding import FormationSettings
from wallarood.control.formation.joiner import Joiner
from wallarood.control.formation.startup import AskFor, FormNew, GoOn, Stop, decide, role_now
from wallarood.control.node import ClusterNode
from wallarood.control.worker_state import WorkerState
from wallarood.daemon.addresses import ask_occupant, listen
from wallarood.daemon.ending import Ending
from wallarood.daemon.reload import Reloader
from wallarood.daemon.roles import LeaderSought, role_of
from wallarood.daemon.settings import credentials, net_limits, node_settings, runtime_settings
from wallarood.daemon.stopping import LATE_S, Signals, checkpoint_first, leave_s
from wallarood.logs import add_context
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import CannotCreateError, RefusedError, WallaroodError, first_error
from wallarood.model.ids import ClusterId, Incarnation, parse_address
from wallarood.model.messages import Listing, Member
from wallarood.model.pipeline import Application
from wallarood.net.auth import ClusterKey
from wallarood.net.control import dial_control, load_websocket, serve_control
from wallarood.net.listen import NetLimits
from wallarood.net.tcp import DataChannel, dial_data, serve_data
from wallarood.planning.listings import check_size, list_partitions
from wallarood.planning.plan import plan
from wallarood.runtime.control_task import ControlConnections
from wallarood.runtime.driver import drive, step
from wallarood.runtime.peers.links import refuse_data
from wallarood.runtime.ports import DialData
from wallarood.runtime.profile import Profile, profile_accepted, profile_dial
from wallarood.runtime.worker import Woken, Worker
from wallarood.storage.state_directory import StateDirectory, open_state_directory
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
STATUS_S = 5.0

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
        state = open_state_directory(Path(config["worker.state-directory"]))
        try:
            key = credentials(config)
            limits = net_limits(config)
            daemon = _Daemon(config, application, state, signals, key, limits, read, profile)
            await daemon.run()
        finally:
            state.close()
        nursery.cancel_scope.cancel()


@attrs.define(eq=False)
class _Daemon:
    config: Config
    application: Application
    state: StateDirectory
    signals: Signals
    key: ClusterKey
    limits: NetLimits
    read: Callable[[], Config]
    profile: Profile | None

    async def run(self) -> None:
        """Run until the worker ends; one that was brought up to date restarts."""
        while await self._run():
            log.info("restarting with the updated topology")

    async def _run(self) -> bool:
        decision = decide(
            self.state.load_record(),
            self.config["worker.cluster-id"],
            worker=self.config["worker.name"],
            fingerprint=self.application.fingerprint,
            role=role_of(self.config),
        )
        listings: tuple[Listing, ...] = ()
        if not (isinstance(decision, GoOn) and decision.has_topology):
            listings = await trio.to_thread.run_sync(
                list_partitions, self.application, abandon_on_cancel=True
            )
            here = (self.config["worker.name"], listings)
            check_size((here,) * self.config["worker.count"])
        match decision:
            case Stop(error):
                raise error
            case FormNew(old):
                if old is not None:
                    where = str(self.state.archive_record())
                    log.info("former cluster archived", cluster_id=old.cluster_id, file=where)
                return await self._serve(None, None, listings)
            case GoOn(record):
                return await self._serve(self._go_on(record), None, listings)
            case AskFor(cluster_id):
                if self.state.bring_back(cluster_id):
                    log.info("cluster brought back from the archive", cluster_id=cluster_id)
                    return await self._run()
                self._check_may_ask(cluster_id)
                return await self._serve(None, cluster_id, listings)

    def _check_may_ask(self, cluster_id: ClusterId) -> None:
        """The initializer has no worker to ask for a cluster it holds no state of."""
        if self.config["worker.topology-initializer"]:
            raise RefusedError(
                f"wrong cluster ID: {self.state.path} holds no state of {cluster_id}; put its "
                "state directory back, or start without --cluster-id to form a new cluster"
            )

    def _go_on(self, record: ClusterRecord) -> ClusterRecord | None:
        """A founding was interrupted. What the initializer has not committed will never be."""
        if record.state is RecordState.PREPARED and record.worker == record.initializer:
            log.warning("the proposed cluster is abandoned", cluster_id=record.cluster_id)
            self.state.record_never(record.cluster_id)
            self.state.archive_record()
            return None
        log.info("rejoining the cluster", cluster_id=record.cluster_id, state=record.state.value)
        return record

    async def _serve(
        self,
        record: ClusterRecord | None,
        asked: ClusterId | None,
        listings: tuple[Listing, ...],
    ) -> bool:
        life = self.state.next_incarnation()
        if self.config["worker.count"] > 1:
            load_websocket()
        try:
            listening = await listen(self.config, record, life)
        except CannotCreateError:
            await self._ask_occupant(listings)
            raise
        member = listening.member
        log.info("listening", control=str(member.control), data=str(member.data))
        founding = attrs.evolve(self._founding(member, listings), wanted_cluster_id=asked)
        events_in, events = trio.open_memory_channel[Event | Woken](QUEUE_EVENTS_MAX)
        async with trio.open_nursery() as nursery:
            worker = self._worker(
                founding, record, events=events_in, nursery=nursery, data=listening.data
            )
            net: dict[str, Any] = {"key": self.key, "limits": self.limits}
            nursery.start_soon(
                partial(serve_control, **net), listening.control, worker.connections.accept
            )
            nursery.start_soon(
                partial(serve_data, **net), listening.data, partial(_accept_data, worker)
            )
            reloader = Reloader(self.config, self.read, worker, self.limits, self.key.tls)
            self.signals.reload = reloader.reload
            add_context(partial(_log_context, worker))
            await nursery.start(self._serve_admin, worker, reloader)
            if isinstance(worker.node.machines.formation, Joiner) and not worker.node.leads:
                seek = LeaderSought(worker, role_of(self.config))
                nursery.start_soon(worker.connections.keep_dialling, "", seek)
            notify("READY=1", f"STATUS={worker.status_text}")
            nursery.start_soon(_tell_status, worker)
            nursery.start_soon(keep_watch, partial(_stuck, worker))
            await self._drive(worker, events)
            nursery.cancel_scope.cancel()
        if worker.node.failure is not None:
            raise self.state.with_archived(worker.node.failure)
        outdated = worker.node.state is WorkerState.OUTDATED
        return outdated and not self.signals.stopping.is_set()

    async def _ask_occupant(self, listings: tuple[Listing, ...]) -> None:
        if self.config["worker.topology-initializer"]:
            address = parse_address(self.config["worker.control-channel"])
            me = Member(self.config["worker.name"], address, address, Incarnation(0, ""))
            join = self._founding(me, listings).join(nonce="")
            join = attrs.evolve(join, initializer=True)
            await ask_occupant(address, join, key=self.key, limits=self.limits)

    async def _drive(self, worker: Worker, events: Events) -> None:
        async with trio.open_nursery() as nursery:

            async def stop() -> None:
                await self.signals.stopping.wait()
                await checkpoint_first(worker, self.config["timing.stop"], self.signals.ending)
                nursery.cancel_scope.cancel()

            self.signals.driving = True

            nursery.start_soon(stop)
            await drive(worker, events)
            nursery.cancel_scope.cancel()
        await self._leave(worker)

    async def _leave(self, worker: Worker) -> None:
        """End in an orderly way, whatever the reason: say so, stop the job, flush, close."""
        notify("STOPPING=1")
        failure = worker.node.failure
        if worker.node.state is not WorkerState.OUTDATED:
            self.signals.ending.code = failure.exit_code if failure else 0
            self.signals.ending.within(leave_s(self.config["timing.stop"]) + LATE_S)
        with trio.CancelScope(shield=True), trio.move_on_after(leave_s(self.config["timing.stop"])):
            step(worker, LeaveWanted())
            if worker.round is not None:
                worker.round.scope.cancel()
                await worker.round.ended.wait()
            await worker.setups.close()
            await worker.turns.wait_idle()
            await worker.connections.close_all()
        if worker.checkpoints is not None:
            worker.checkpoints.close()

    def _founding(self, member: Member, listings: tuple[Listing, ...]) -> FormationSettings:
        config = self.config
        return FormationSettings(
            member,
            secrets.token_hex(16),
            self.application.name,
            self.application.fingerprint,
            config["worker.count"],
            listings,
            partial(plan, self.application),
            formation_deadline_s=config["timing.formation-deadline"],
            name_taken_wait_s=config["timing.name-taken-wait"],
            anew=config["worker.cluster-id"] is None,
        )

    def _worker(
        self,
        founding: FormationSettings,
        record: ClusterRecord | None,
        *,
        events: trio.MemorySendChannel[Event | Woken],
        nursery: trio.Nursery,
        data: list[trio.SocketListener],
    ) -> Worker:
        config = self.config
        net: dict[str, Any] = {"key": self.key, "limits": self.limits}
        dial: DialData = partial(dial_data, **net)
        if self.profile is not None:
            dial = profile_dial(self.profile, dial)

        worker = Worker(
            node=ClusterNode(
                founding,
                role_now(record, role_of(config)),
                record,
                settings=node_settings(config),
                now=trio.current_time(),
            ),
            application=self.application,
            store=self.state,
            dial_data=dial,
            settings=runtime_settings(config, data),
            connections=ControlConnections(
                events,
                partial(dial_control, **net),
                lambda: worker.node.stamp,
                config["timing.connect-backoff-max"],
                lambda error: worker.post(KeyRefused(error)),
            ),
            events=events,
            nursery=nursery,
            notify=lambda: notify(f"STATUS={worker.status_text}"),
            profile=self.profile,
        )
        return worker

    async def _serve_admin(
        self,
        worker: Worker,
        reloader: Reloader,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        reporter = StatusReporter(worker)
        worker.nursery.start_soon(reporter.keep_rates)
        await serve_admin(
            Path(self.config["admin.socket"]),
            status=reporter.status,
            cluster=Gathering(worker, reporter.status).gather,
            topology=lambda: worker.node.record.topology if worker.node.record else None,
            orders=Orders(worker, self.config["timing.stop"], reloader.reload).by_name,
            task_status=task_status,
        )


def _log_context(worker: Worker) -> dict[str, str]:
    """The fields that every entry of the journal has."""
    stamp = worker.node.stamp
    return {
        "WALLAROOD_WORKER": worker.member.name,
        "WALLAROOD_CLUSTER_ID": stamp.cluster_id,
        "WALLAROOD_EPOCH": str(stamp.epoch),
        "WALLAROOD_ROUND": str(stamp.round),
    }


def _stuck(worker: Worker) -> str:
    """Why this worker does not get on, though it could; empty if it does."""
    job = worker.job
    if job is None:
        return ""
    return job.stuck(time.perf_counter(), worker.settings.job.blocking_call_s)


async def _tell_status(worker: Worker) -> None:
    """Keep the age of the last checkpoint fresh in what systemd shows."""
    while True:
        await trio.sleep(STATUS_S)
        notify(f"STATUS={worker.status_text}")


async def _accept_data(worker: Worker, channel: DataChannel) -> None:
    links = worker.running.links if worker.running is not None else None
    if links is None:
        await refuse_data(channel, "no round runs here yet")
    elif worker.profile is not None:
        await links.accept(profile_accepted(worker.profile, channel))
    else:
        await links.accept(channel)
