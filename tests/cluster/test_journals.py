"""A worker goes that clients have sent to: what it has acknowledged is counted once."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from support.feeding import TCP, Feed, Send, check_fed, check_states, listening, send_by_tcp
from support.harness import NAMES, Hosts, WorkerProcess, hosts_in, wait_for
from support.ports import free_port
from support.rests import RESTS, counted

from wallarood.client import SourceClient


@attrs.define(eq=False)
class Listening:
    """Workers that listen, each on its own port, and a client for each."""

    hosts: Hosts
    directory: Path
    flags: tuple[str, ...]
    ports: dict[str, int] = attrs.field(factory=dict)
    workers: dict[str, WorkerProcess] = attrs.field(factory=dict)

    def start(self, name: str, *flags: str, count: int = 1) -> WorkerProcess:
        port = self.ports.setdefault(name, free_port())
        self.workers[name] = self.hosts.start(
            name,
            str(self.directory / "listening.py"),
            *self.flags,
            *flags,
            count=count,
            initializer=name == NAMES[0] and "--join" not in flags,
            args=(str(port),),
        )
        return self.workers[name]

    def until(self, what: str, epoch: int) -> None:
        def settled() -> bool:
            told = [each.status() for each in self.workers.values()]
            phases = {each.phase() for each in self.workers.values()}
            return phases == {"running"} and {t.epoch for t in told if t} == {epoch}

        try:
            wait_for(what, settled, wait_s=60)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said}") from error

    @property
    def said(self) -> str:
        return "\n".join(f"--- {n}\n{w.said[-4000:]}" for n, w in self.workers.items())

    def end(self) -> None:
        (asked, *_) = self.workers.values()
        assert asked.ctl("shutdown").returncode == 0
        for worker in self.workers.values():
            assert worker.wait() == 0, worker.said


@contextmanager
def cluster(
    directory: Path, count: int, *, source: str = TCP, replicas: int = 0, interval: str = "300ms"
) -> Iterator[Listening]:
    (directory / "listening.py").write_text(listening(source))
    checkpoint = f'[checkpoint]\nreplicas = {replicas}\ninterval = "{interval}"\n'
    (directory / "some.toml").write_text(checkpoint)
    flags = ("--cluster-id", "auto", "--config", str(directory / "some.toml"))
    with hosts_in(directory) as hosts:
        made = Listening(hosts, directory, flags)
        for name in NAMES[:count]:
            made.start(name, count=count)
        made.until("it runs", 1)
        yield made


def feeds(made: Listening, *ways: tuple[str, ...], send: Send = send_by_tcp) -> list[Feed]:
    """A client for each of *ways*, the workers that it goes to, one after the other."""
    return [
        Feed(
            f"till-{place}",
            range(place, 10**9, len(ways)),
            [made.ports[name] for name in way],
            send,
        )
        for place, way in enumerate(ways)
    ]


def some_more(directory: Path) -> None:
    """Wait until more is counted."""
    before = sum(map(len, counted(directory).values()))
    wait_for("more", lambda: sum(map(len, counted(directory).values())) > before + 300, wait_s=60)


def test_whoever_leaves_has_an_heir_for_its_journal(tmp_path: Path) -> None:
    with cluster(tmp_path, 3) as made:
        sending = feeds(made, ("alpha",), ("beta",), ("gamma", "beta"))
        some_more(tmp_path)
        planned = made.workers["alpha"].ctl("shrink", "gamma", "--dry-run")
        journal = f"the journal of 127.0.0.1:{made.ports['gamma']}"
        assert f": {journal} from gamma to alpha\n" in planned.stdout
        done = made.workers["alpha"].ctl("shrink", "gamma")
        assert done.returncode == 0, done.stderr + made.said
        gone = made.workers.pop("gamma")
        assert gone.wait() == 0, gone.said
        sending[2].move_on()
        made.until("gamma is out", 2)
        some_more(tmp_path)
        for each in sending:
            each.end()
        made.end()
    check_fed(tmp_path, sending)


def test_the_journal_of_a_lost_worker_is_read_from_its_copy(tmp_path: Path) -> None:
    """The client of the lost one goes to a worker that is not its heir."""
    with cluster(tmp_path, 3, replicas=1) as made:
        sending = feeds(made, ("alpha",), ("beta",), ("gamma", "beta"))
        some_more(tmp_path)
        gone = made.workers.pop("gamma")
        gone.process.kill()
        gone.wait()
        shutil.rmtree(gone.state)
        alpha = made.workers["alpha"]
        wait_for("it is missed", lambda: alpha.phase() in ("paused", "recovering"))
        done = alpha.ctl("evict", "gamma", "--lose-output")
        assert done.returncode == 0, done.stderr + made.said
        made.until("they run", 2)
        sending[2].move_on()
        some_more(tmp_path)
        for each in sending:
            each.end()
        made.end()
    check_states(tmp_path, sending)


@pytest.mark.parametrize("lost", ["beta", pytest.param("gamma", marks=pytest.mark.long)])
def test_what_is_acknowledged_before_an_epoch_has_a_checkpoint_is_read_where_it_is_copied_to(
    tmp_path: Path, lost: str
) -> None:
    """The holder of beta was another one before gamma came, and gamma had none."""
    with cluster(tmp_path, 2, replicas=1, interval="1h") as made:
        made.start("gamma", "--join")
        made.until("gamma is in", 2)
        with SourceClient(f"127.0.0.1:{made.ports[lost]}", "till") as client:
            for number in range(300):
                client.send(b"%d" % number)
            client.flush()
        gone = made.workers.pop(lost)
        gone.process.kill()
        gone.wait()
        shutil.rmtree(gone.state)
        alpha = made.workers["alpha"]
        wait_for("it is missed", lambda: alpha.phase() in ("paused", "recovering"))
        done = alpha.ctl("evict", lost, "--lose-output")
        assert done.returncode == 0, done.stderr + made.said
        made.until("they run", 3)
        with SourceClient(f"127.0.0.1:{made.ports['alpha']}", "till") as client:
            assert client.next_sequence == 301, "what was acknowledged is not known any more"
            client.send(b"300")
            client.flush()
        made.end()
    found = {rest: counts[-1] for rest, counts in counted(tmp_path).items()}
    assert found == Counter(number % RESTS for number in range(301))
