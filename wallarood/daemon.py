"""The composition root: builds everything a worker is made of, and takes it down again.

Signal handlers come first, so that a stop is heeded at every moment. Then, in this order: the state
directory, the listeners, the admin socket, the machines. A stop goes the other way.
"""

import secrets
import signal
import socket
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import attrs
import structlog
import trio

from wallarood.admin.server import serve_admin
from wallarood.admin.snapshot import Snapshots
from wallarood.app.connector import SourceLimits
from wallarood.config import Config
from wallarood.config_load import is_loopback
from wallarood.control.events import Event
from wallarood.control.founding import Founder
from wallarood.control.initializer import Initializer
from wallarood.control.joiner import Joiner
from wallarood.control.restart import AskFor, FormNew, GoOn, Stop, decide
from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.errors import (
    CannotCreateError,
    ConfigurationError,
    KeyRefusedError,
    PeersGoneError,
    RefusedError,
    WallaroodError,
)
from wallarood.model.ids import Address, Incarnation, parse_address
from wallarood.model.messages import PROTOCOL_VERSION, Join, Listing, Member, Refused, ShutDown
from wallarood.model.pipeline import Application, StepKind
from wallarood.net.auth import ClusterKey
from wallarood.net.listen import NetLimits, open_listeners, port_of
from wallarood.net.tcp import DataChannel, dial_data, serve_data
from wallarood.net.websocket import ControlChannel, dial_control, serve_control
from wallarood.planning.plan import plan
from wallarood.runtime.control_task import ControlConnections
from wallarood.runtime.driver import drive
from wallarood.runtime.job import JobLimits
from wallarood.runtime.links import LinkLimits, refuse_data
from wallarood.runtime.perform import perform
from wallarood.runtime.worker import Settings, Timing, Worker
from wallarood.storage.state_directory import StateDirectory, open_state_directory
from wallarood.systemd import notify
from wallarood.wire.control import decode, encode
from wallarood.wire.records import PickleRule

QUEUE_EVENTS_MAX = 1024
ASK_S = 3.0

log = structlog.get_logger(__name__)


async def run_worker(config: Config, application: Application) -> None:
    """Run one worker until it is stopped, or its job is done and it is to end then.

    Raises WallaroodError: it cannot start or go on; `exit_code` says what that means.
    """
    stopping = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(_heed_signals, stopping)
        try:
            async with AsyncExitStack() as stack:
                state = open_state_directory(Path(config["worker.state-directory"]))
                stack.callback(state.close)
                await _Daemon(config, application, state, stopping).run()
        finally:
            nursery.cancel_scope.cancel()


async def _heed_signals(
    stopping: trio.Event, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            log.info("stopping", signal=signal.Signals(number).name)
            stopping.set()


@attrs.define(eq=False)
class _Daemon:
    config: Config
    application: Application
    state: StateDirectory
    stopping: trio.Event
    key: ClusterKey = attrs.field(init=False)
    limits: NetLimits = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        config = self.config
        self.key = read_key(config["security.key-file"])
        self.limits = NetLimits(
            config["timing.handshake-deadline"],
            config["limits.unauthenticated-connections-max"],
            config["limits.control-message-bytes-max"],
        )

    @property
    def initializer_address(self) -> Address:
        return parse_address(self.config["worker.control-channel"])

    async def run(self) -> None:
        wanted = self.config["worker.cluster-id"]
        decision = decide(
            self.state.load_record(),
            wanted,
            worker=self.config["worker.name"],
            fingerprint=self.application.fingerprint,
        )
        record: ClusterRecord | None = None
        match decision:
            case Stop(error):
                raise error
            case FormNew(old) if old is not None:
                where = self.state.archive_record()
                log.info(
                    "the former cluster is archived", cluster_id=old.cluster_id, file=str(where)
                )
            case GoOn(found):
                record = self._go_on(found)
            case AskFor(cluster_id) if self.config["worker.topology-initializer"]:
                raise RefusedError(
                    f"wrong cluster ID: {self.state.path} holds no state of {cluster_id}; put its "
                    "state directory back, or start without --cluster-id to form a new cluster"
                )
        asked = decision.cluster_id if isinstance(decision, AskFor) else None
        await self._serve(record, asked)

    def _go_on(self, record: ClusterRecord) -> ClusterRecord | None:
        """A founding was interrupted. The initializer itself decides what it has not committed."""
        if record.state is RecordState.PREPARED and record.worker == record.initializer:
            log.warning("the proposed cluster is given up", cluster_id=record.cluster_id)
            self.state.record_never(record.cluster_id)
            self.state.archive_record()
            return None
        log.info("going on with", cluster_id=record.cluster_id, state=record.state.value)
        return record

    async def _serve(self, record: ClusterRecord | None, asked: str | None) -> None:
        incarnation = self.state.next_incarnation()
        control, data = await self._listen(record)
        member = self._member(incarnation, port_of(control), port_of(data))
        log.info("listening", control=str(member.control), data=str(member.data))
        events_in, events = trio.open_memory_channel[Event](QUEUE_EVENTS_MAX)
        async with trio.open_nursery() as nursery:
            worker = self._worker(member, record, asked, events=events_in, nursery=nursery)
            nursery.start_soon(
                partial(serve_control, key=self.key, limits=self.limits),
                control,
                worker.connections.accept,
            )
            nursery.start_soon(
                partial(serve_data, key=self.key, limits=self.limits),
                data,
                partial(_accept_data, worker),
            )
            await nursery.start(self._serve_admin, worker)
            if isinstance(worker.founding, Joiner):
                seek = partial(_seek_leader, worker, [self.initializer_address])
                nursery.start_soon(worker.connections.keep_dialling, "", seek)
            notify("READY=1")
            await self._drive(worker, events)
            nursery.cancel_scope.cancel()
        if worker.failure is not None:
            raise worker.failure

    async def _drive(self, worker: Worker, events: trio.MemoryReceiveChannel[Event]) -> None:
        async with trio.open_nursery() as nursery:

            async def stop() -> None:
                await self.stopping.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(stop)
            await drive(worker, events)
            nursery.cancel_scope.cancel()
        await self._leave(worker)

    async def _leave(self, worker: Worker) -> None:
        """End in an orderly way, whatever the reason: stop the job, say so, flush, close."""
        notify("STOPPING=1")
        with trio.CancelScope(shield=True), trio.move_on_after(self.config["timing.stop"]):
            if worker.job is not None and worker.began:
                try:
                    if worker.failure is None:
                        await worker.job.stop()
                    await worker.job.aclose()
                except WallaroodError as error:
                    worker.failure = worker.failure or error
            if worker.membership is not None and worker.failure is None:
                perform(worker, worker.membership.leave())
            await worker.connections.close_all()

    # ---- addresses -------------------------------------------------------------------------------

    async def _listen(
        self, record: ClusterRecord | None
    ) -> tuple[list[trio.SocketListener], list[trio.SocketListener]]:
        """Open both listeners; the ports of a recorded life are tried first."""
        config = self.config
        before = (
            next((m for m in record.members if m.name == config["worker.name"]), None)
            if (record is not None)
            else None
        )
        if config["worker.topology-initializer"]:
            wanted = config["listen.control"] or config["worker.control-channel"]
            try:
                control = await open_listeners(parse_address(wanted))
            except CannotCreateError as error:
                await self._ask_occupant(parse_address(wanted))
                raise error
        else:
            control = await self._open(config["listen.control"], before and before.control)
        host = control[0].socket.getsockname()[0]
        data = await self._open(config["listen.data"], before and before.data, host=host)
        return control, data

    async def _open(
        self, configured: str | None, recorded: Address | None, *, host: str | None = None
    ) -> list[trio.SocketListener]:
        if configured is not None:
            return await open_listeners(parse_address(configured))
        host = host or await local_host_towards(self.initializer_address)
        if recorded is not None:
            try:
                return await open_listeners(Address(host, recorded.port))
            except CannotCreateError:
                log.info("the recorded port is taken, another one is used", port=recorded.port)
        return await open_listeners(Address(host, 0))

    async def _ask_occupant(self, address: Address) -> None:
        """Somebody listens where the initializer should: another initializer would say so."""
        join = self._founder(
            Member(self.config["worker.name"], address, address, Incarnation(0, "")), ()
        ).join(nonce="", initializer=True)
        with trio.move_on_after(ASK_S):
            try:
                async with dial_control(address, key=self.key, limits=self.limits) as channel:
                    answer = await _ask(channel, join)
            except (OSError, trio.TooSlowError, trio.EndOfChannel, WallaroodError):
                return
            if isinstance(answer, Refused):
                raise RefusedError(answer.reason)

    def _member(self, incarnation: Incarnation, control_port: int, data_port: int) -> Member:
        config = self.config
        control = parse_address(config["listen.control"] or config["worker.control-channel"])
        host = config["listen.advertise"] or (
            control.host
            if config["worker.topology-initializer"] or config["listen.control"]
            else self._local_host
        )
        if host in ("0.0.0.0", "::"):
            raise ConfigurationError(
                f"listening on {host} says nothing to peers: set listen.advertise to the host name "
                "or address by which they reach this worker"
            )
        return Member(
            config["worker.name"],
            Address(host, control_port),
            Address(host, data_port),
            incarnation,
        )

    @property
    def _local_host(self) -> str:
        return _host_towards(self.initializer_address)

    # ---- parts -----------------------------------------------------------------------------------

    def _listings(self) -> tuple[Listing, ...]:
        """What this worker finds for each source. Raises ApplicationError: it cannot be listed."""
        return tuple(
            Listing(step.name, tuple(step.connector.partitions()))
            for step in self.application.steps
            if step.kind is StepKind.SOURCE
        )

    def _founder(self, member: Member, listings: tuple[Listing, ...]) -> Founder:
        config = self.config
        return Founder(
            member,
            secrets.token_hex(16),
            self.application.name,
            self.application.fingerprint,
            config["worker.count"],
            listings,
            partial(plan, self.application),
            formation_deadline_s=config["timing.formation-deadline"],
            name_taken_wait_s=config["timing.name-taken-wait"],
        )

    def _worker(
        self,
        member: Member,
        record: ClusterRecord | None,
        asked: str | None,
        *,
        events: trio.MemorySendChannel[Event],
        nursery: trio.Nursery,
    ) -> Worker:
        config = self.config
        founder = attrs.evolve(self._founder(member, self._listings()), wanted_cluster_id=asked)
        now = trio.current_time()
        machine = Initializer if config["worker.topology-initializer"] else Joiner

        def key_refused(error: KeyRefusedError) -> None:
            if worker.membership is None:
                worker.failure = error
                nursery.start_soon(wake, worker)

        connections = ControlConnections(
            events,
            partial(dial_control, key=self.key, limits=self.limits),
            lambda: worker.stamp,
            config["timing.connect-backoff-max"],
            key_refused,
        )
        worker = Worker(
            member=member,
            application=self.application,
            founding=machine(founder, now, record),
            store=self.state,
            dial_data=partial(dial_data, key=self.key, limits=self.limits),
            settings=self._settings(member),
            connections=connections,
            events=events,
            nursery=nursery,
            notify=lambda text: notify(f"STATUS={text}"),
            record=record,
        )
        return worker

    def _settings(self, member: Member) -> Settings:
        config = self.config
        source = SourceLimits(
            config["limits.batch-records-max"],
            config["limits.batch-bytes-max"],
            config["limits.record-bytes-max"],
        )
        return Settings(
            timing=Timing(
                config["timing.heartbeat"],
                config["timing.liveness-deadline"],
                config["timing.name-taken-wait"],
                config["timing.completion-wait"],
                config["timing.stop"],
            ),
            job=JobLimits(
                source, config["limits.inbox-batches-max"], config["limits.batch-time-budget"]
            ),
            links=LinkLimits(
                config["limits.window-bytes"],
                config["limits.frame-bytes-max"],
                config["timing.connect-backoff-max"],
            ),
            pickle=PickleRule.ALLOWED if is_loopback(member.data.host) else PickleRule.FORBIDDEN,
            exit_on_completion=config["application.exit-on-completion"],
            initializer_address=self.initializer_address,
        )

    async def _serve_admin(
        self, worker: Worker, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        def shut_down() -> None:
            if worker.membership is not None:
                perform(worker, worker.membership.shut_down())
            else:
                worker.finished = True
            worker.nursery.start_soon(wake, worker)

        await serve_admin(
            Path(self.config["admin.socket"]),
            status=Snapshots(worker).status,
            topology=lambda: worker.record.topology if worker.record is not None else None,
            commands={"shutdown": shut_down},
            task_status=task_status,
        )


async def wake(worker: Worker) -> None:
    """Let the driver look up: something has changed outside its queue."""
    from wallarood.control.events import LinksUp

    await worker.events.send(LinksUp())


async def _accept_data(worker: Worker, channel: DataChannel) -> None:
    if worker.links is None:
        await refuse_data(channel, "the cluster is not committed here yet")
    else:
        await worker.links.accept(channel)


def _seek_leader(worker: Worker, tried: list[Address]) -> Address:
    """Where the leader is: by turns as configured and as recorded."""
    tried.reverse()
    record = worker.record
    if record is not None:
        known = worker.links.members if worker.links is not None else None
        leader = record.topology.leader
        members = known or {each.name: each for each in record.members}
        tried[1:] = [members[leader].control]
    return tried[0]


async def _ask(channel: ControlChannel, join: Join) -> object:
    from wallarood.model.messages import Envelope

    channel.send(encode(Envelope("", 0, 0, 0, join)))
    return decode(await channel.receive()).message


def read_key(path: str | None) -> ClusterKey:
    """The cluster key in a file. Raises KeyRefusedError: unreadable, or shorter than 32 bytes."""
    if path is None:
        return ClusterKey()
    try:
        secret = Path(path).read_bytes().strip()
    except OSError as error:
        raise KeyRefusedError(f"cluster key {path}: {error.strerror}") from error
    if len(secret) < 32:
        raise KeyRefusedError(
            f"cluster key {path}: {len(secret)} bytes, expected at least 32; make one with "
            "'openssl rand -hex 32'"
        )
    return ClusterKey(secret)


def _host_towards(address: Address) -> str:
    """The local address by which *address* is reached. Raises OSError: its name is unknown."""
    family, kind, _, _, target = socket.getaddrinfo(
        address.host, address.port or 1, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind) as probe:
        probe.connect(target)
        return str(probe.getsockname()[0])


async def local_host_towards(address: Address) -> str:
    """As `_host_towards`, waiting for the name to be known. Raises PeersGoneError: it never is."""
    backoff_s = 0.1
    with trio.move_on_after(60):
        while True:
            try:
                return await trio.to_thread.run_sync(_host_towards, address)
            except OSError as error:
                log.info(
                    "waiting for the name of the initializer",
                    address=str(address),
                    reason=str(error),
                )
                await trio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, 2)
    raise PeersGoneError(f"the initializer's address {address} cannot be resolved")
