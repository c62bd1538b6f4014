"""A cluster of three in which faults are made on purpose: by what it reads, and by switches."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
from playwright.sync_api import Page

from support.harness import NAMES, Hosts, WorkerProcess, wait_for
from support.ports import free_port
from wallarood.admin import client
from wallarood.flow.keys import Partitioner

APPLICATION = """
import json
import time
from pathlib import Path
from typing import Any

import attrs
import trio

import wallarood as w

@attrs.frozen
class Appended:
    # A file for each partition, to which the test appends.
    scope: w.Scope = w.Scope.SHARED
    record: type = dict
    bounded: bool = False

    def partitions(self):
        return ("one", "two", "three")

    def size_bytes(self, partition):
        return Path("in", partition).stat().st_size

    async def open(self, partition, position, context):
        return Reader(Path("in", partition), (position or {"bytes": 0})["bytes"])

@attrs.define
class Reader:
    path: Path
    start: int

    async def read(self):
        while True:
            with self.path.open("rb") as file:
                file.seek(self.start)
                data = file.read(4096)
            if end := data.rfind(b"\\n") + 1:
                self.start += end
                records = [json.loads(line) for line in data[:end].splitlines()]
                return w.SourceBatch(records, {"bytes": self.start})
            await trio.sleep(0.05)

    async def committed(self, position):
        pass

    async def aclose(self):
        pass

class Writer:
    state = None

    def __init__(self, name):
        self.name = name

    async def write(self, records):
        for _ in records:
            if self.name == "out" and Path("slow-sink").exists():
                await trio.sleep(0.005)

    async def prepare(self):
        while Path("stuck-sink").exists():
            await trio.sleep(0.05)
        return 1

    async def commit(self, prepared):
        if Path("absent-server").exists():
            raise OSError("connection refused")

    async def aclose(self):
        pass

@attrs.frozen
class Sink:
    name: str

    async def open(self, context, state):
        return Writer(self.name)

class Seen:
    count = 0

@w.computation(on_error=w.dead_letter(Sink("letters")))
def check(record: dict[str, Any]) -> dict[str, Any]:
    if record.get("bad"):
        raise ValueError("this is no number")
    return record

@w.state_computation(state=Seen)
def count(record: dict[str, Any], state: Seen) -> dict[str, Any]:
    if Path("slow-count").exists():
        time.sleep(0.005)
    if record.get("holds"):
        time.sleep(1.5)
    state.count += 1
    return record

def key(record: dict[str, Any]) -> str:
    return record["key"]

stamps = w.event_time(
    lambda record: record["at"], unit="s", out_of_order="1s", idle=None, future="3650d"
)
keyed = w.source("lines", Appended(), time=stamps).to(check).key_by(key)
windows = keyed.window(w.tumbling("10s")).aggregate(w.count(), name="windows")
app = w.application(
    "faulty",
    keyed.to(count).to_sink(Sink("out"), name="out"),
    windows.to_sink(Sink("totals"), name="totals"),
)
"""
CONFIGURATION = """
[timing]
liveness-deadline = "4s"
[checkpoint]
deadline = "30s"

[limits]
batch-records-max = 16
window-bytes = "16KiB"
inbox-batches-max = 2

[admin]
growth-after = "2s"
"""
PARTITIONS = ("one", "two", "three")
BEGIN_S = 1_700_000_000


@attrs.define(eq=False)
class Faulty:
    """The cluster, and what makes it faulty. All is well until something is done."""

    hosts: Hosts
    workers: list[WorkerProcess] = attrs.field(factory=list)
    ports: dict[str, int] = attrs.field(factory=dict)
    """Where each worker has its page and its metrics."""
    at: int = BEGIN_S
    """How far event time has come, in seconds."""
    page: Page | None = None
    """The dashboard of alpha, where it is open."""

    @classmethod
    def starting(cls, hosts: Hosts) -> "Faulty":
        """Three workers that run, and have read nothing."""
        directory = hosts.directory
        (directory / "in").mkdir()
        for partition in PARTITIONS:
            (directory / "in" / partition).touch()
        (directory / "faulty.py").write_text(APPLICATION)
        (directory / "more.toml").write_text(CONFIGURATION)
        faulty = cls(hosts)
        for name in NAMES[:3]:
            faulty.ports[name] = free_port()
            faulty.start(name, initializer=name == NAMES[0])
        faulty.wait_until_running()
        return faulty

    def start(self, name: str, *flags: str, initializer: bool = False) -> None:
        """Start a worker, in the place of the one that had this name."""
        directory, http = self.hosts.directory, f"127.0.0.1:{self.ports[name]}"
        flags = ("--config", str(directory / "more.toml"), "--admin-http", http, *flags)
        worker = self.hosts.start(
            name, str(directory / "faulty.py"), *flags, count=3, initializer=initializer
        )
        self.workers = [*(each for each in self.workers if each.name != name), worker]

    def wait_until_running(self) -> None:
        wait_for("they run", lambda: all(each.phase() == "running" for each in self.workers))

    @property
    def on_page(self) -> str:
        """The sentence at the top of the page."""
        return "" if self.page is None else self.page.locator("#sentence").inner_text()

    @property
    def socket(self) -> Path:
        """That of alpha."""
        return self.workers[0].state / "admin.sock"

    def read(
        self, records: Iterable[Mapping[str, Any]], partitions: tuple[str, ...] = PARTITIONS
    ) -> None:
        """Have the cluster read *records*, dealt to *partitions* in turn, with the present time."""
        lines: dict[str, list[str]] = {each: [] for each in partitions}
        for number, record in enumerate(records):
            line = json.dumps({"key": f"k{number % 9}", "at": self.at, **record})
            lines[partitions[number % len(partitions)]].append(f"{line}\n")
        for partition, found in lines.items():
            with (self.hosts.directory / "in" / partition).open("a") as file:
                file.write("".join(found))

    @contextlib.contextmanager
    def switched(self, name: str) -> Iterator[None]:
        """While this is entered, user code finds the file *name*."""
        switch = self.hosts.directory / name
        switch.touch()
        try:
            yield
        finally:
            switch.unlink()

    def keys_of(self, worker: str, stage: str, *, count: int) -> list[str]:
        """Keys of which *worker* gets the records that come to *stage*."""
        topology = client.topology(self.socket)
        planned = next(each for each in topology.stages if stage in each.steps)
        partition_of = Partitioner(len(planned.partition_owners))
        found: list[str] = []
        number = 0
        while len(found) < count:
            key = f"of-{worker}-{number}"
            if planned.workers[planned.partition_owners[partition_of(key)]] == worker:
                found.append(key)
            number += 1
        return found

    def first_fault(self) -> str:
        """What is found first."""
        return self.faults()[0]

    def faults(self) -> list[str]:
        """All that is found, the most urgent first."""
        value = client.ask(self.socket, "GET", "/api/v1/why")
        return [str(each["fault"]) for each in value["findings"]]

    def configure(self, *, deadline: str) -> None:
        """Give checkpoints another deadline, while all run."""
        more = self.hosts.directory / "more.toml"
        more.write_text(CONFIGURATION.replace("30s", deadline))
        for worker in self.workers:
            client.reload(worker.state / "admin.sock")
