"""A worker goes that clients have sent to: what it has acknowledged is counted once."""

import random
import shutil
import threading
from collections import Counter
from pathlib import Path

import pytest
from support.feeding import (
    HTTP,
    TCP,
    Send,
    check_fed,
    check_states,
    send_by_http,
    send_by_tcp,
)
from support.harness import NAMES
from support.listeners import cluster, feeds, some_more
from support.ports import free_port
from support.rests import RESTS, counted

from wallarood.client import SourceClient
from wallarood.model.errors import RefusedError

BY = pytest.mark.parametrize(
    ("source", "send"),
    [(TCP, send_by_tcp), pytest.param(HTTP, send_by_http, marks=pytest.mark.long)],
    ids=["tcp", "http"],
)


@BY
def test_whoever_leaves_has_an_heir_for_its_journal(
    tmp_path: Path, source: str, send: Send
) -> None:
    with cluster(tmp_path, 3, source=source) as made:
        sending = feeds(made, ("alpha",), ("beta",), ("gamma", "beta"), send=send)
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


@BY
def test_the_journal_of_a_lost_worker_is_read_from_its_copy(
    tmp_path: Path, source: str, send: Send
) -> None:
    """The client of the lost one goes to a worker that is not its heir."""
    with cluster(tmp_path, 3, source=source, replicas=1) as made:
        sending = feeds(made, ("alpha",), ("beta",), ("gamma", "beta"), send=send)
        some_more(tmp_path)
        gone = made.workers.pop("gamma")
        gone.process.kill()
        gone.wait()
        shutil.rmtree(gone.state)
        alpha = made.workers["alpha"]
        made.all_miss("gamma")
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
        made.all_miss(lost)
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


@pytest.mark.long
@pytest.mark.parametrize(
    ("source", "send", "seed"),
    [(TCP, send_by_tcp, 0), (TCP, send_by_tcp, 1), (HTTP, send_by_http, 2)],
    ids=["tcp-0", "tcp-1", "http-2"],
)
def test_whoever_is_killed_meanwhile_nothing_is_lost(
    tmp_path: Path, source: str, send: Send, seed: int
) -> None:
    rng = random.Random(seed)
    with cluster(tmp_path, 3, source=source, replicas=seed % 2) as made:
        sending = feeds(made, ("alpha",), ("beta",), ("gamma", "beta"), send=send)
        some_more(tmp_path)
        left = threading.Event()

        def shrink() -> None:
            while not left.is_set():
                made.workers["beta"].ctl("shrink", "gamma")
                left.wait(0.2)

        asking = threading.Thread(target=shrink, daemon=True)
        asking.start()
        for _ in range(2):
            left.wait(rng.random())
            victim = made.workers[rng.choice(NAMES[:3])]
            victim.process.kill()
            if victim.wait() != 0:
                made.start(victim.name, count=3)
        gone = made.workers.pop("gamma")
        assert gone.wait(60) in (0, RefusedError.exit_code), gone.said + made.said
        left.set()
        sending[2].move_on()
        made.until("gamma is out", 2)
        some_more(tmp_path)
        for each in sending:
            each.end()
        made.end()
    check_fed(tmp_path, sending)


@pytest.mark.long
@pytest.mark.parametrize("lost", [False, True])
def test_the_one_that_listens_for_all_goes_and_another_listens(
    tmp_path: Path, *, lost: bool
) -> None:
    source = TCP.replace("local", "shared")
    with cluster(tmp_path, 3, source=source, replicas=1, port=free_port()) as made:
        sending = feeds(made, ("alpha",))
        some_more(tmp_path)
        (name,) = (n for n, e in made.workers.items() if (e.state / "cluster" / "sources").exists())
        gone = made.workers.pop(name)
        asked = next(iter(made.workers.values()))
        if lost:
            gone.process.kill()
            gone.wait()
            shutil.rmtree(gone.state)
            made.all_miss(name)
            done = asked.ctl("evict", name, "--lose-output")
        else:
            done = asked.ctl("shrink", name)
        assert done.returncode == 0, done.stderr + made.said
        made.until("they run", 2)
        some_more(tmp_path)
        for each in sending:
            each.end()
        made.end()
    (check_states if lost else check_fed)(tmp_path, sending)


@pytest.mark.long
def test_who_joins_listens_and_knows_the_clients_of_those_that_have_gone(tmp_path: Path) -> None:
    with cluster(tmp_path, 2) as made:
        made.start("gamma", "--join")
        made.until("gamma is in", 2)
        made.ports["delta"] = free_port()
        sending = feeds(made, ("alpha",), ("gamma", "delta"), ("beta", "delta"))
        some_more(tmp_path)
        for epoch, name in ((3, "gamma"), (4, "beta")):
            done = made.workers["alpha"].ctl("shrink", name)
            assert done.returncode == 0, done.stderr + made.said
            made.workers.pop(name).wait()
            made.until(f"{name} is out", epoch)
        made.start("delta", "--join")
        made.until("delta is in", 5)
        for each in sending[1:]:
            each.move_on()
        some_more(tmp_path)
        for each in sending:
            each.end()
        made.end()
    check_fed(tmp_path, sending)
