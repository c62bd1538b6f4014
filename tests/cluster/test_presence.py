"""Workers that stop, stall, die and come back; operators that end them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.cable import laid
from support.harness import LIVENESS_S, WorkerProcess, ended_well, hosts_in, wait_for
from support.patience import in_time
from support.ports import free_port
from support.rests import check_counted


def read_by(worker: WorkerProcess) -> int:
    """How much the source, which is on the first worker, has read."""
    return sum(each.records for each in worker.told().sources)


def flow(worker: WorkerProcess) -> None:
    """Wait until records flow, as they do without end: nothing is over before it is disturbed."""
    wait_for("records flow", lambda: read_by(worker) > 2000)


def end_in_order(workers: list[WorkerProcess]) -> None:
    """All run and read again, and then end after a checkpoint of which all is published."""
    wait_for("all run again", lambda: all(each.phase() == "running" for each in workers))
    before = read_by(workers[0])
    wait_for("records flow again", lambda: read_by(workers[0]) > before + 2000)
    done = workers[0].ctl("shutdown")
    assert done.returncode == 0, done.stderr
    ended_well(workers)


@pytest.mark.parametrize("place", [pytest.param(0, marks=pytest.mark.long), 1])
def test_a_stopped_process_costs_time_and_no_result(
    tmp_path: Path, endless: str, place: int
) -> None:
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(3, endless)
        flow(workers[0])
        workers[place].send(signal.SIGSTOP)
        stopped = time.monotonic()
        others = [each for number, each in enumerate(workers) if number != place]
        wait_for("it is missed", lambda: all("lost contact with" in each.said for each in others))
        wait_for("sources pause", lambda: all(each.phase() == "paused" for each in others))
        wait_for("three deadlines have passed", lambda: time.monotonic() - stopped > 3 * LIVENESS_S)
        workers[place].send(signal.SIGCONT)
        end_in_order(workers)
    check_counted(tmp_path, "endless-out")


def test_a_data_connection_that_a_middlebox_forgets_is_made_anew(
    tmp_path: Path, endless: str
) -> None:
    """Nobody is told, and the control channel, which goes another way, lives."""
    ports = [free_port() for _ in range(2)]
    with hosts_in(tmp_path, host="127.0.0.2") as hosts, laid(ports[1]) as cable:
        alpha = hosts.start("alpha", endless, count=2, initializer=True)
        beta = hosts.start(
            "beta",
            endless,
            *("--listen-control", f"127.0.0.1:{ports[0]}"),
            *("--listen-data", f"127.0.0.1:{ports[1]}"),
            *("--advertise", "127.0.0.2"),
            count=2,
        )
        flow(alpha)
        cable.forget()
        alpha.says("data connection lost: dialling again")
        end_in_order([alpha, beta])
    check_counted(tmp_path, "endless-out")


def test_a_cable_that_is_cut_costs_time_and_no_result(tmp_path: Path, endless: str) -> None:
    ports = [free_port() for _ in range(5)]
    with hosts_in(tmp_path, host="127.0.0.2") as hosts, laid(hosts.port, *ports) as cable:
        listening = {
            "alpha": (hosts.port, ports[0]),
            "beta": (ports[1], ports[2]),
            "gamma": (ports[3], ports[4]),
        }
        workers = [
            hosts.start(
                name,
                endless,
                *("--listen-control", f"127.0.0.1:{control}"),
                *("--listen-data", f"127.0.0.1:{data}"),
                *("--advertise", "127.0.0.2"),
                count=3,
                initializer=name == "alpha",
            )
            for name, (control, data) in listening.items()
        ]
        flow(workers[0])
        wait_for("it flows through the cable", lambda: cable.relayed_bytes > 100_000)
        cable.whole.clear()
        cut = time.monotonic()
        wait_for("all miss each other", lambda: all("lost contact with" in w.said for w in workers))
        wait_for("three deadlines have passed", lambda: time.monotonic() - cut > 3 * LIVENESS_S)
        wait_for("sources pause", lambda: {each.told().job.value for each in workers} == {"paused"})
        cable.whole.set()
        end_in_order(workers)
    check_counted(tmp_path, "endless-out")


def test_a_killed_worker_is_missed_and_its_return_starts_a_round(
    tmp_path: Path, endless: str
) -> None:
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(3, endless)
        wait_for("running", lambda: all(each.phase() == "running" for each in workers))
        cluster_id = workers[0].told().cluster_id
        workers[1].process.kill()
        killed = time.monotonic()
        others = [workers[0], workers[2]]
        wait_for(
            "it is missed", lambda: all("lost contact with beta" in each.said for each in others)
        )
        assert in_time(killed, 3.0)
        wait_for("sources pause", lambda: all(each.phase() == "paused" for each in others))
        status = others[0].told()
        assert "beta" in status.phase
        again = hosts.start("beta", endless, "--cluster-id", str(cluster_id), count=3)
        now = [*others, again]
        wait_for("round 2", lambda: all("round=2" in each.said for each in now))
        wait_for("running again", lambda: all(each.phase() == "running" for each in now))
        workers[0].says("beta restarted; rolling all workers back to the last common checkpoint")


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
def test_a_signal_ends_one_worker_and_leaves_the_others(
    tmp_path: Path, endless: str, number: signal.Signals
) -> None:
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(3, endless)
        wait_for("running", lambda: all(each.phase() == "running" for each in workers))
        for place, worker in enumerate(workers):
            sent = time.monotonic()
            worker.send(number)
            assert worker.wait() == 0, worker.said
            assert in_time(sent, 5)
            assert "Traceback" not in worker.said
            left = workers[place + 1 :]
            wait_for("the others pause", lambda left=left: all(w.phase() == "paused" for w in left))


def test_a_worker_that_is_still_waiting_ends_by_a_signal(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        waiting = [
            hosts.start("alpha", endless, count=3, initializer=True),
            hosts.start("beta", endless, count=3),
        ]
        wait_for("beta joins", lambda: "beta has joined" in waiting[0].said)
        for worker in waiting:
            worker.send(signal.SIGTERM)
        ended_well(waiting, 5)


def test_ctrl_c_ends_a_whole_dev_cluster(tmp_path: Path, endless: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "wallarood", "dev", endless, "--workers", "3"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        said = b""
        while said.count(b"sources run") + said.count(b"running") < 3:
            line = process.stderr.readline()
            assert line, said
            said += line
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=120)
        assert in_time(sent, 5)
        assert process.returncode == 0, rest
        assert b"Traceback" not in said + rest
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_an_operator_shuts_the_whole_cluster_down(tmp_path: Path, endless: str) -> None:
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(3, endless)
        wait_for("running", lambda: all(each.phase() == "running" for each in workers))
        assert workers[2].ctl("shutdown").returncode == 0
        ended_well(workers, 6)


def test_user_code_that_fails_ends_the_job_everywhere_and_is_named(tmp_path: Path) -> None:
    file = tmp_path / "failing.py"
    file.write_text(
        "import wallarood as w\n"
        "def invert(number: int) -> float:\n"
        "    return 1 / (number - 500)\n"
        'app = w.application("failing", w.source("n", w.GeneratorSource(rate=1000))'
        '.map(invert).to_sink(w.FileSink("failing-out")))\n'
    )
    with hosts_in(tmp_path) as hosts:
        workers = hosts.start_cluster(3, str(file))
        for worker in workers:
            assert worker.wait() == 65, worker.said
            assert "computation 'invert' failed" in worker.said
            assert "failing.py:3" in worker.said
            assert "ZeroDivisionError" in worker.said
            assert "record: 500" in worker.said
            assert "Traceback" not in worker.said
