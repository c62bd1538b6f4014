"""`wallarood run --profile`: says of every stage where its time goes, and stays out of the way."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.harness import Hosts, ended_well, hosts_in, wait_for

NUMBERS = 20_000

APPLICATION = f"""
import trio
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> tuple[int, int]:
    state.count += 1
    return number % 97, state.count

@w.computation(blocking=True)
def blocked(pair: tuple[int, int]) -> tuple[int, int]:
    return pair

async def awaited(pair: tuple[int, int]) -> tuple[int, int]:
    await trio.lowlevel.checkpoint()
    return pair

def fail_at_last(number: int) -> int:
    return 1 // ({NUMBERS - 1} - number) * 0 + number

def app(args: list[str]) -> w.Application:
    numbers = w.source("numbers", w.GeneratorSource(count={NUMBERS}, partitions=2))
    if args:
        numbers = numbers.map(fail_at_last)
    counts = numbers.key_by(lambda number: number % 97, name="by-rest").to(seen)
    small, large = counts.to(blocked).to(awaited).branch(lambda pair: pair[1] < 50, name="small")
    return w.application(
        "profiled",
        small.to_sink(w.FileSink("small"), name="small-out"),
        large.to_sink(w.FileSink("large"), name="large-out"),
    )
"""


def records(facts: dict[str, Any], stage: str, hop: str) -> int:
    """How many records a hop has had on this worker."""
    return sum(
        each["records"] for each in facts["hops"] if (each["stage"], each["hop"]) == (stage, hop)
    )


@pytest.fixture
def application(tmp_path: Path) -> str:
    file = tmp_path / "profiled.py"
    file.write_text(APPLICATION)
    return str(file)


def start(hosts: Hosts, application: str, profile: Path, *, name: str, count: int) -> Any:
    return hosts.start(
        name,
        application,
        *("--exit-on-completion", "--profile", str(profile)),
        count=count,
        initializer=name == "alpha",
    )


def test_each_hop_of_two_workers_is_there_and_every_record_once(
    tmp_path: Path, application: str
) -> None:
    files = {name: tmp_path / f"{name}.json" for name in ("alpha", "beta")}
    with hosts_in(tmp_path) as hosts:
        ended_well(
            [start(hosts, application, file, name=name, count=2) for name, file in files.items()]
        )
    found = [json.loads(file.read_text()) for file in files.values()]
    first, second = "numbers → by-rest", "seen → blocked → awaited → small"
    for hop in ("user code: by-rest", "routing"):
        assert sum(records(each, first, hop) for each in found) == NUMBERS, hop
    for hop in ("user code: seen", "user code: blocked", "user code: small"):
        assert sum(records(each, second, hop) for each in found) == NUMBERS, hop
    sent = sum(records(each, first, "encoding") for each in found)
    assert 0 < sent < NUMBERS
    assert sum(records(each, second, "decoding") for each in found) == sent
    for each in found:
        hops = {(hop["stage"], hop["hop"]): hop for hop in each["hops"]}
        assert hops[first, "reading"]["kind"] == "wait"
        assert hops[second, "user code: awaited"]["calls"] > 0
        assert hops[second, "waiting for input"]["calls"] > 0
        assert hops["small-out", "sink: write"]["calls"] > 0
        assert hops["small-out", "sink: prepare"]["calls"] > 0
        assert hops[second, "checkpoint: capturing"]["calls"] > 0
        assert hops[second, "checkpoint: encoding"]["calls"] > 0
        assert hops["data channel", "sending"]["calls"] > 0
        assert hops["data channel", "waiting for peers"]["calls"] > 0
        work = [hop["seconds"] for hop in each["hops"] if hop["kind"] == "work"]
        assert 0 < sum(work) < each["elapsed_s"] * 2
        assert work == sorted(work, reverse=True)


SLOW = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> int:
    state.count += 1
    return state.count

def app(args: list[str]) -> w.Application:
    numbers = w.source("numbers", w.GeneratorSource(count=1200, rate=200))
    counts = numbers.key_by(lambda number: number % 7, name="by-rest").to(seen)
    return w.application("slow", counts.to_sink(w.FileSink("counts"), name="counts-out"))
"""


def test_at_a_low_rate_a_record_passes_all_stages_without_waking_their_tasks(
    tmp_path: Path,
) -> None:
    application = tmp_path / "slow.py"
    application.write_text(SLOW)
    file = tmp_path / "slow.json"
    with hosts_in(tmp_path, interval="1h") as hosts:
        ended_well([start(hosts, str(application), file, name="alpha", count=1)])
    facts = json.loads(file.read_text())
    calls = {(hop["stage"], hop["hop"]): hop["calls"] for hop in facts["hops"]}
    batches = calls["seen", "user code: seen"]
    assert batches > 60
    # Each wakes for marks, and for what had to be queued: a tenth leaves room for a slow machine.
    assert calls["seen", "waiting for input"] < batches / 10
    assert calls["counts-out", "waiting for input"] < batches / 10


def test_a_table_is_there_from_the_start_and_fresh_while_it_runs(
    tmp_path: Path, endless: str
) -> None:
    file = tmp_path / "profile.txt"
    with hosts_in(tmp_path) as hosts:
        worker = start(hosts, endless, file, name="alpha", count=1)
        wait_for("the first profile", file.exists)
        wait_for("a profile of records", lambda: "user code: seen" in file.read_text())
        before = file.read_text()
        wait_for("a fresh profile", lambda: file.read_text() != before)
        worker.process.terminate()
        assert worker.wait() == 0, worker.said
    lines = file.read_text().splitlines()
    assert lines[0].startswith("worker alpha: ")
    assert lines[3].split()[:4] == ["stage", "hop", "kind", "seconds"]


def test_a_failure_is_that_of_the_worker_and_the_profile_is_written(
    tmp_path: Path, application: str
) -> None:
    file = tmp_path / "profile.txt"
    with hosts_in(tmp_path) as hosts:
        worker = hosts.start(
            "alpha", application, "--profile", str(file), initializer=True, args=("fail",)
        )
        assert worker.wait() == 65
        assert "computation 'fail_at_last' failed at" in worker.said
        assert "Traceback" not in worker.said
        assert "user code: fail_at_last" in file.read_text()
        lost = hosts.start("beta", application, "--profile", "/proc/none/file", initializer=True)
        assert lost.wait() == 73
        assert "/proc/none/file" in lost.said
