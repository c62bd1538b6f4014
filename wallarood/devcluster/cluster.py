"""A whole cluster on this machine: `wallarood run` processes, watched and ended together.

Each worker is a process in a session of its own, so that Ctrl-C reaches only the supervisor, which
then ends all of them in order: SIGTERM, and after `KILL_AFTER_S` SIGKILL. A worker that fails takes
the others with it, after a moment in which they may end by themselves and say why; one that chaos
has killed is started again.
"""

import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable

import attrs
import trio

from wallarood.admin import client
from wallarood.admin.status import JobState, Status
from wallarood.daemon.hash_seed import SEED, VARIABLE
from wallarood.devcluster.chaos import Chaos
from wallarood.devcluster.local import LocalCluster
from wallarood.devcluster.outcome import Outcome, failure
from wallarood.model.cluster_record import RecordState
from wallarood.model.errors import WallaroodError
from wallarood.model.ids import WorkerName
from wallarood.model.topology import Topology
from wallarood.storage.state_directory import look_into

POLL_S = 0.15
ASK_S = 1.0
FAIL_TOGETHER_S = 3.0
KILL_AFTER_S = 4.0
LINE_BYTES_MAX = 64 << 10
TAIL_LINES = 60


@attrs.frozen
class View:
    """The cluster at one moment: the last that each worker said of itself.

    Until the cluster is formed there is no topology and the ID is empty.
    """

    statuses: dict[WorkerName, Status] = attrs.field(factory=dict)
    topology: Topology | None = None
    cluster_id: str = ""


@attrs.define(eq=False)
class _Supervisor:
    cluster: LocalCluster
    on_line: Callable[[WorkerName, str], None]
    on_view: Callable[[View], None]
    processes: dict[WorkerName, trio.Process] = attrs.field(factory=dict)
    ended: dict[WorkerName, int] = attrs.field(factory=dict)
    tails: dict[WorkerName, deque[str]] = attrs.field(factory=dict)
    statuses: dict[WorkerName, Status] = attrs.field(factory=dict)
    topology: Topology | None = None
    cluster_id: str = ""
    began_at: float = attrs.field(factory=trio.current_time)
    failed: trio.Event = attrs.field(factory=trio.Event)
    interrupt: trio.Event = attrs.field(factory=trio.Event)
    killed: set[WorkerName] = attrs.field(factory=set)
    looked: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    async def run(self) -> Outcome:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with trio.open_nursery() as helpers:
                helpers.start_soon(self._heed_signals, signals)
                helpers.start_soon(self._poll)
                helpers.start_soon(self._end_together)
                if self.cluster.chaos is not None:
                    helpers.start_soon(self._chaos, self.cluster.chaos)
                try:
                    async with trio.open_nursery() as nursery:
                        for worker in self.cluster.workers:
                            nursery.start_soon(self._run_worker, worker)
                finally:
                    for process in self._living():
                        self._signal(process, signal.SIGKILL)
                helpers.cancel_scope.cancel()
        self._look_at_disk()
        self.on_view(View(dict(self.statuses), self.topology, self.cluster_id))
        return self._outcome()

    def _look_at_disk(self) -> None:
        """A short job may be done before it was asked: its cluster record is still there."""
        for worker in self.cluster.workers:
            with contextlib.suppress(WallaroodError):
                record = look_into(self.cluster.state_directory(worker)).load_record()
                if record is not None and record.state is not RecordState.PREPARED:
                    self.topology, self.cluster_id = record.topology, record.cluster_id
                    return

    async def _run_worker(self, worker: WorkerName) -> None:
        if self.interrupt.is_set():
            self.ended[worker] = 0
            return
        while True:
            code = await self._run_process(worker)
            if worker not in self.killed or self.failed.is_set():
                break
            self.killed.discard(worker)
        self.ended[worker] = code
        if code != 0:
            self.failed.set()

    async def _run_process(self, worker: WorkerName) -> int:
        process = await trio.lowlevel.open_process(
            self.cluster.command(worker),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={VARIABLE: SEED, **os.environ},  # so that no worker executes itself once more
        )
        self.processes[worker] = process
        if self.interrupt.is_set():  # it came while the process was being made
            self._signal(process, signal.SIGTERM)
        await self._read_lines(worker, process)
        return await process.wait()

    async def _chaos(self, chaos: Chaos) -> None:
        await chaos.strike_until_completed(self)
        for process in self._living():
            self._signal(process, signal.SIGTERM)

    async def look(self) -> list[JobState | None]:
        """See `Victims.look`."""
        await self.looked.park()
        known = [self.statuses.get(worker) for worker in self.cluster.workers]
        return [each.job if each is not None else None for each in known]

    def committed(self) -> int:
        """See `Victims.committed`."""
        return max((each.checkpoint.committed for each in self.statuses.values()), default=0)

    def kill(self, worker: WorkerName) -> bool:
        """See `Victims.kill`."""
        process = self.processes.get(worker)
        if process is None or process.returncode is not None or self.failed.is_set():
            return False
        self.killed.add(worker)
        self.statuses.pop(worker, None)
        self._signal(process, signal.SIGKILL)
        return True

    async def _read_lines(self, worker: WorkerName, process: trio.Process) -> None:
        assert process.stderr is not None
        tail = self.tails.setdefault(worker, deque(maxlen=TAIL_LINES))
        rest = b""
        async for chunk in process.stderr:
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LINE_BYTES_MAX:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._line(worker, tail, line)
        if rest:
            self._line(worker, tail, rest)

    def _line(self, worker: WorkerName, tail: deque[str], line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        tail.append(text)
        self.on_line(worker, text)

    async def _poll(self) -> None:
        while True:
            for worker in self.cluster.workers:
                if worker in self.processes and worker not in self.ended:
                    await trio.to_thread.run_sync(self._look_at, worker)
            self.on_view(View(dict(self.statuses), self.topology, self.cluster_id))
            self.looked.unpark_all()
            await trio.sleep(POLL_S)

    def _look_at(self, worker: WorkerName) -> None:
        path = self.cluster.admin_socket(worker)
        with contextlib.suppress(client.NotAnsweringError, client.NotNowError):
            self.statuses[worker] = client.status(path, timeout_s=ASK_S)
            if self.topology is None and self.statuses[worker].job is not JobState.FORMING:
                self.topology = client.topology(path, timeout_s=ASK_S)
                self.cluster_id = self.statuses[worker].cluster_id or ""

    async def _heed_signals(self, signals: object) -> None:
        async for _ in signals:  # type: ignore[attr-defined]
            again = self.interrupt.is_set()
            self.interrupt.set()
            for process in self._living():
                self._signal(process, signal.SIGKILL if again else signal.SIGTERM)
            self.failed.set()

    async def _end_together(self) -> None:
        await self.failed.wait()
        with trio.move_on_after(FAIL_TOGETHER_S):
            await self.interrupt.wait()
        for process in self._living():
            self._signal(process, signal.SIGTERM)
        await trio.sleep(KILL_AFTER_S)
        for process in self._living():
            self._signal(process, signal.SIGKILL)

    def _living(self) -> list[trio.Process]:
        return [each for name, each in self.processes.items() if name not in self.ended]

    @staticmethod
    def _signal(process: trio.Process, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)

    def _outcome(self) -> Outcome:
        duration_s = trio.current_time() - self.began_at
        if self.interrupt.is_set():
            return Outcome(0, duration_s, interrupted=True)
        tails = {name: list(tail) for name, tail in self.tails.items()}
        return attrs.evolve(failure(self.ended, tails), duration_s=duration_s)


async def run_cluster(
    cluster: LocalCluster,
    *,
    on_line: Callable[[WorkerName, str], None],
    on_view: Callable[[View], None],
) -> Outcome:
    """Start all workers and wait for their end. Ctrl-C and SIGTERM end them; the outcome is then 0.

    *on_line* gets every line of a worker's log, *on_view* a `View` several times a second.
    """
    return await _Supervisor(cluster, on_line, on_view).run()
