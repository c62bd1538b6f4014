"""What lost workers have left is not lost: their heirs publish it, and their copies are kept."""

import shutil
from pathlib import Path

import pytest
from support.harness import NAMES, WorkerProcess, hosts_in, wait_for
from support.ports import free_port
from support.receiver import Receiver
from support.rests import RESTS, counting


def take_checkpoint(worker: WorkerProcess) -> None:
    done = worker.ctl("checkpoint")
    assert done.returncode == 0, done.stderr


def read_by(workers: list[WorkerProcess]) -> int:
    return sum(source.records for worker in workers for source in worker.told().sources)


def burn(worker: WorkerProcess) -> None:
    worker.process.kill()
    worker.wait()
    shutil.rmtree(worker.state)


def counted(receiver: Receiver) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for record in (each for client in receiver.records.values() for each in client):
        rest, count = record.decode().split("\t")
        found.setdefault(rest, []).append(int(count))
    return {rest: sorted(counts) for rest, counts in found.items()}


@pytest.mark.parametrize("places", [(1, 3), pytest.param((0, 2), marks=pytest.mark.long)])
def test_two_hosts_burn_one_after_the_other_and_every_result_is_received_once(
    tmp_path: Path, places: tuple[int, int]
) -> None:
    """Nothing was received before: all that was made until then is in spools, half of them gone.

    The second burns before a checkpoint without the first is committed; each has its copies
    elsewhere.
    """
    port = free_port()
    sink = f'w.TcpSink("127.0.0.1:{port}", format="tsv")'
    (tmp_path / "counts.py").write_text(counting("counts", "rate=1500", sink=sink))
    (tmp_path / "some.toml").write_text("checkpoint.replicas = 1\n")
    flags = ("--cluster-id", "auto", "--config", str(tmp_path / "some.toml"))
    with hosts_in(tmp_path, interval="1h", liveness="30s") as hosts:
        started = hosts.start_cluster(4, str(tmp_path / "counts.py"), *flags)
        wait_for("they run", lambda: all(e.phase() == "running" for e in started), wait_s=60)
        workers = dict(zip(NAMES, started, strict=False))
        ring = [each.name for each in started[0].told().workers]
        lost = [ring[place] for place in places]
        first, second = (workers.pop(name) for name in lost)
        asked = next(iter(workers.values()))
        for _ in range(2):
            read = read_by(started)
            wait_for("more is read", lambda read=read: read_by(started) > read + 1000)
            take_checkpoint(asked)
        burn(first)
        wait_for("all miss it", lambda: all(e.misses(lost[0]) for e in workers.values()))
        done = asked.ctl("evict", lost[0])
        assert done.returncode == 0, done.stderr
        burn(second)
        wait_for("all miss it", lambda: all(e.misses(lost[1]) for e in workers.values()))
        done = asked.ctl("evict", lost[1])
        said = "\n".join(f"--- {n}\n{w.said[-3000:]}" for n, w in workers.items())
        assert done.returncode == 0, done.stderr + said
        # After each break a sink waits longer, and thousands of records come at once.
        with Receiver(port, breaks=0.0005) as receiver:
            try:
                wait_for("they run", lambda: all(e.phase() == "running" for e in workers.values()))
                take_checkpoint(asked)
                # A stop does not wait long for a receiver that breaks its connections.
                wait_for("some of each", lambda: len(counted(receiver)) == RESTS, wait_s=60)
            except AssertionError as error:
                said = "\n".join(f"--- {n}\n{w.said[-4000:]}" for n, w in workers.items())
                raise AssertionError(f"{error}\n{said}\n{receiver.wrong}") from error
            assert asked.ctl("shutdown").returncode == 0
            for worker in workers.values():
                assert worker.wait() == 0, worker.said
            found, wrong = counted(receiver), receiver.wrong
            clients = set(receiver.records)
    assert wrong == []
    assert any(f"@{lost[0]}-" in client for client in clients), clients
    assert len(found) == RESTS
    for counts in found.values():
        assert counts == list(range(1, len(counts) + 1))
