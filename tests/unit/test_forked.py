"""What the tests start as forks comes to an end for them, whoever is killed before."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.forked import GONE, SHARED, Forked, Forker, forker
from support.harness import wait_for

TESTS = Path(__file__).parents[1]
ENV = os.environ | SHARED
SLEEPS = "import time; print('it runs', flush=True); time.sleep(300)"


def begun(by: Forker, directory: Path) -> Forked:
    """A process that sleeps."""
    (directory / "sleeps.py").write_text(SLEEPS)
    with (directory / "stdout").open("wb") as stdout:
        return by.start((), stdout=stdout.fileno(), cwd=directory, env=ENV, module="sleeps")


def test_what_was_forked_by_who_is_killed_has_been_killed_and_another_one_forks(
    tmp_path: Path,
) -> None:
    first = forker()
    running = begun(first, tmp_path)
    first.process.kill()
    assert running.wait(60) == -signal.SIGKILL
    again = forker()
    assert again is not first
    other = begun(again, tmp_path)
    wait_for("it runs", (tmp_path / "stdout").read_text)
    other.kill()
    assert other.wait(60) == -signal.SIGKILL
    for each in (running, other):
        assert each.stderr is not None
        each.stderr.close()


def test_who_has_asked_one_that_is_killed_does_not_wait_for_what_will_not_begin(
    tmp_path: Path,
) -> None:
    made = Forker()
    running = begun(made, tmp_path)
    made.process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(begun, made, tmp_path)
        wait_for("it asks", made._one_at_a_time.locked)
        made.process.kill()
        with pytest.raises((AssertionError, OSError), match=f"{GONE}|Broken pipe"):
            asking.result(60)
    assert running.wait(60) == -signal.SIGKILL
    assert running.stderr is not None
    running.stderr.close()


def test_what_begins_too_late_is_not_taken_for_what_is_asked_for_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Forker()
    monkeypatch.setattr("support.forked.START_S", 0.0)
    with pytest.raises(AssertionError, match="nothing has begun"):
        begun(made, tmp_path)
    assert made.gone.wait(60)


def test_who_forks_ends_in_order_with_who_has_not_heard_all(tmp_path: Path) -> None:
    (tmp_path / "sleeps.py").write_text(SLEEPS)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "support.forked", str(theirs.fileno())]
    with subprocess.Popen(
        command, cwd=TESTS, env=ENV, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE
    ) as process:
        theirs.close()
        with (tmp_path / "stdout").open("wb") as out:
            request = json.dumps([["sleeps"], str(tmp_path), dict(ENV)]).encode()
            socket.send_fds(ours, [request], [out.fileno(), out.fileno()])
        assert select.select([ours], [], [], 60)[0]
        ours.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == 0
