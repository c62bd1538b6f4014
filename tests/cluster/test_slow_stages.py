"""Stages that await or block for long: checkpoints get through them all the same."""

import time
from pathlib import Path

import pytest
from support.harness import hosts_in, wait_for
from support.patience import in_time

APPLICATION = """
import time
import trio
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> int:
    state.count += 1
    return number

@w.computation(concurrency=4)
async def awaiting(number: int) -> int:
    await trio.sleep(0.3)
    return number

@w.computation(blocking=True)
def blocking(number: int) -> int:
    time.sleep(0.3)
    return number

def numbers():
    return w.source("n", w.GeneratorSource())

def ends(stream):
    return w.application("slow", stream.to_sink(w.FileSink("slow-out")))

def first(args):
    return ends(numbers().to(awaiting))

def in_thread(args):
    return ends(numbers().to(blocking))

def behind(args):
    return ends(numbers().key_by(lambda number: number % 97).to(seen).to(awaiting))
"""


@pytest.mark.parametrize(
    ("name", "count"),
    [("first", 1), pytest.param("in_thread", 1, marks=pytest.mark.long), ("behind", 2)],
)
def test_a_checkpoint_waits_for_what_is_in_flight_and_little_more(
    tmp_path: Path, name: str, count: int
) -> None:
    """A full batch takes 150 s, and in a thread 600."""
    file = tmp_path / "slow.py"
    file.write_text(APPLICATION)
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(count, f"{file}:{name}")
        wait_for("they run", lambda: all(each.phase() == "running" for each in workers))
        began = time.monotonic()
        for _ in range(2):
            status = workers[0].told()
            before = status.checkpoint.committed
            wait_for(
                "a checkpoint is committed",
                lambda before=before: (
                    (s := workers[0].status()) and s.checkpoint.committed > before
                ),
                wait_s=15,
            )
        assert in_time(began, 25)
        assert " abandoned: " not in workers[0].said
