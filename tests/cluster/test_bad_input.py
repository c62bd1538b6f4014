"""Strangers on the ports of a worker: it drops them with a line, and the job comes out right."""

import random
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from support.harness import WorkerProcess, ended_well, hosts_in, wait_for
from support.rests import check_counted

from wallarood.net.auth import MAGIC

FRAME_OF_FOUR_GIGABYTES = struct.pack(">IQ", 0xFFFFFFFF, 0)

STRANGERS: dict[str, Callable[[random.Random], bytes]] = {
    "port scanner": lambda _: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "random bytes": lambda rng: rng.randbytes(2000),
    "tls": lambda _: bytes.fromhex("160301020001 0001fc0303".replace(" ", "")) + bytes(200),
    "half a hello": lambda _: MAGIC + b"control ",
    "nothing": lambda _: b"",
    "a hello and then noise": lambda rng: MAGIC + b"data    " + b"\0" + rng.randbytes(500),
    "a large length": lambda _: FRAME_OF_FOUR_GIGABYTES * 3,
}


def ports_of(worker: WorkerProcess) -> list[int]:
    """The control and the data port, as the worker has logged them."""
    wait_for("listening", lambda: "listening" in worker.said)
    line = next(each for each in worker.lines if "listening" in each)
    return [int(part.rpartition(":")[2].split()[0]) for part in line.split("127.0.0.1")[1:]]


def check_result(directory: Path) -> None:
    lines = [
        line
        for file in (directory / "slow_count-out").glob("[!.]*")
        for line in file.read_text().splitlines()
    ]
    assert len(lines) == len(set(lines)) == 20_000


def speak_to(port: int, data: bytes) -> None:
    """Say *data* and wait until the worker closes, which it may do before all was said."""
    with socket.create_connection(("127.0.0.1", port)) as connection, suppress(OSError):
        connection.settimeout(10)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def test_strangers_are_dropped_and_the_job_comes_out_right(tmp_path: Path, slow_count: str) -> None:
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(2, slow_count)
        has_run = {"running", "completed"}
        wait_for("running", lambda: {each.phase() for each in workers} <= has_run)
        for name, says in STRANGERS.items():
            rng = random.Random(name)
            for worker in workers:
                before = len(dropped(worker))
                for port in ports_of(worker):
                    speak_to(port, says(rng))
                wait_for(f"a line on {name}", lambda w=worker, n=before: len(dropped(w)) > n)
        wait_for("completed", lambda: all(each.phase() == "completed" for each in workers))
        for worker in workers:
            worker.send(signal.SIGTERM)
        ended_well(workers)
    check_result(tmp_path)


def dropped(worker: WorkerProcess) -> list[str]:
    return [line for line in worker.lines if "connection dropped" in line]


def test_two_hundred_connections_that_never_speak(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts, ExitStack() as stack:
        alpha = hosts.start("alpha", endless, count=2, initializer=True)
        for port in ports_of(alpha):
            for _ in range(200):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        before = resident_bytes(alpha)
        beta = hosts.start("beta", endless, count=2)
        wait_for("running", lambda: alpha.phase() == beta.phase() == "running")
        wait_for("records flow", lambda: sum(e.records for e in alpha.told().sources) > 5000)
        assert resident_bytes(alpha) - before < 32 << 20
        assert alpha.ctl("shutdown").returncode == 0
        ended_well([alpha, beta])
    check_counted(tmp_path, "endless-out")


def resident_bytes(worker: WorkerProcess) -> int:
    for line in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the worker has no memory")
