"""From S3 to S3 while workers and the store are killed: each record counts once."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from support.harness import hosts_in, wait_for
from support.killer import Killer
from support.servers.buckets import KEY, SECRET, Buckets
from support.servers.counting import check_all, through
from support.servers.process import Server

EACH = 1500
SUFFIX = ".jsonl"
"""The store lists what it is writing, too, under a name with another end."""


def counted(bucket: Buckets) -> list[tuple[int, int]]:
    return [tuple(json.loads(line)) for line in bucket.lines("out/", SUFFIX)]


@pytest.mark.long
def test_each_record_counts_once_whoever_is_killed(store: Server, tmp_path: Path) -> None:
    """On one worker; on three see test_systems.py."""
    check_through(store, 1, tmp_path, turns=5)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def check_through(server: Server, workers: int, directory: Path, *, turns: int) -> None:
    """Put objects while workers are struck; what comes out is what the oracle says."""
    bucket, rng = Buckets.of(server, f"through-{workers}"), random.Random(workers)
    options = f'endpoint="{bucket.endpoint}"'
    source = (
        f'w.S3Source("s3://{bucket.name}/in/", format="json", record=int, look_s=0.3, readers=3, '
        f'suffix="{SUFFIX}", {options})'
    )
    sink = f'w.S3Sink("s3://{bucket.name}/out/", {options})'
    file = directory / "through.py"
    file.write_text(through(source, sink))
    keys: Any = rng.sample(range(1000, 10_000), turns * 3)
    with hosts_in(directory) as hosts:
        cluster = Killer(hosts, str(file), workers)
        cluster.until("running")
        for turn in range(turns):
            numbers = range(turn * EACH, (turn + 1) * EACH)
            for part in range(3):
                text = "".join(f"{number}\n" for number in numbers[part::3])
                bucket.put(f"in/{keys[3 * turn + part]}.jsonl", text)
            if turn % 2:
                server.restart_killed()
            cluster.strike(rng, most=min(2, workers))
        cluster.until("running")
        wait_for("all is counted", lambda: len(counted(bucket)) >= turns * EACH, wait_s=90)
        cluster.end()
    check_all(counted(bucket), turns * EACH)
