"""Sinks that are slow to prepare, and receivers that are away: no loss, no wedge, no waiting."""

import signal
import time
from collections import Counter
from pathlib import Path

from support.harness import ended_well, hosts_in, wait_for
from support.patience import in_time
from support.ports import free_port
from support.receiver import Receiver

SLOW_PREPARE = """
import attrs, trio
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def seen(number: int, state: Seen) -> tuple[int, int]:
    state.count += 1
    return number, state.count

@attrs.define
class Stalling:
    inner: object
    prepared: int = 0

    @property
    def state(self):
        return self.inner.state

    async def write(self, records):
        await self.inner.write(records)

    async def prepare(self):
        self.prepared += 1
        if self.prepared == 2:
            await trio.sleep(2.5)
        return await self.inner.prepare()

    async def commit(self, prepared):
        await self.inner.commit(prepared)

    async def aclose(self):
        await self.inner.aclose()

class StallingSink:
    async def open(self, context, state):
        return Stalling(await w.FileSink("stalling-out").open(context, state))

app = w.application(
    "stalling",
    w.source("n", w.GeneratorSource(count=24000, rate=4000))
    .key_by(lambda number: number % 50)
    .to(seen)
    .to_sink(StallingSink()),
)
"""

TWO_SINKS = """
import wallarood as w

def keep(number: int) -> str:
    return str(number)

app = w.application(
    "two sinks",
    w.source("n", w.GeneratorSource(count=1200, rate=200, partitions=2))
    .map(keep)
    .to_sinks(
        w.FileSink("kept-out", format="lines"),
        w.TcpSink("127.0.0.1:PORT"),
    ),
)
"""


def test_a_part_that_is_late_loses_nothing_when_the_worker_is_killed_behind_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "stalling.py"
    file.write_text(SLOW_PREPARE)
    config = tmp_path / "deadline.toml"
    config.write_text('[checkpoint]\ndeadline = "500ms"\n')
    flags = ("--cluster-id", "auto", "--config", str(config))
    with hosts_in(tmp_path, interval="1500ms") as hosts:
        alpha = hosts.start("alpha", str(file), *flags, initializer=True)
        wait_for("one is abandoned", lambda: " abandoned: " in alpha.said)
        status = alpha.told()
        before = status.checkpoint.committed
        wait_for(
            "a later one is committed",
            lambda: (s := alpha.status()) and s.checkpoint.committed > before,
        )
        alpha.process.kill()
        alpha.wait()
        again = hosts.start("alpha", str(file), *flags, "--exit-on-completion", initializer=True)
        ended_well([again])
    lines = [
        int(line.split("\t")[0])
        for part in (tmp_path / "stalling-out").glob("[!.]*")
        for line in part.read_text().splitlines()
    ]
    assert sorted(lines) == list(range(24000))


def test_a_receiver_that_is_away_holds_up_no_other_sink_and_no_stop(tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "two.py"
    file.write_text(TWO_SINKS.replace("PORT", str(port)))
    kept = tmp_path / "kept-out"
    flags = ("--cluster-id", "auto", "--exit-on-completion")
    with hosts_in(tmp_path) as hosts:
        alpha, beta = hosts.start_cluster(2, str(file), *flags)
        wait_for("both say it", lambda: all("sink cannot publish" in w.said for w in (alpha, beta)))
        # Nothing was ever sent to the receiver: these are of two checkpoints at least.
        wait_for("the other sink publishes", lambda: len(list(kept.glob("[!.]*"))) > 2)
        began = time.monotonic()
        beta.send(signal.SIGTERM)
        assert beta.wait(15) == 0
        assert in_time(began, 10)
        assert "stopping before all output is published" in beta.said
        again = hosts.start("beta", str(file), *flags, count=2)
        with Receiver(port) as receiver:
            ended_well([alpha, again])
    assert receiver.wrong == []
    came = Counter(int(record) for records in receiver.records.values() for record in records)
    assert came == Counter(range(1200))
    lines = [int(line) for part in kept.glob("[!.]*") for line in part.read_text().splitlines()]
    assert sorted(lines) == list(range(1200))
