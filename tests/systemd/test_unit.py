"""One host: what systemd sees of the service, and what the service may do."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.harness import wait_for
from support.lab import Host

ROOT = Path(__file__).parents[2]
ONE = """
[application]
target = "our_numbers"
path = ["/opt/numbers"]

[checkpoint]
interval = "{interval}"

[log]
level = "{level}"
"""

NUMBERS = """
import pathlib, re, socket, time

import wallarood as w


@w.computation
def work(number: int) -> int:
    order = pathlib.Path("/srv/order")
    if order.exists() and order.read_text() == "hang" and number % 100 == 0:
        re.match(r"(a|aa)+$", "a" * 60 + "b")
    return number


app = w.application(
    "numbers",
    w.source("numbers", w.GeneratorSource(rate=200)).to(work).to_sink(w.FileSink("numbers")),
)
"""

SLOW = """
import time

import trio

import wallarood as w


@w.computation
async def asks(number: int) -> int:
    await trio.sleep(4 if number == 0 else 0)
    return number


@w.computation(blocking=True)
def works(number: int) -> int:
    time.sleep(4 if number == 0 else 0)
    return number


@w.computation(on_error="skip")
def divides(number: int) -> int:
    return 1000 // number


app = w.application(
    "slow",
    w.source("numbers", w.GeneratorSource(count=40_000))
    .to(asks)
    .to(works)
    .to(divides)
    .to_sink(w.FileSink("slow")),
)
"""

SANDBOX = """
import ctypes, pathlib, socket

import wallarood as w


def attempt(what):
    try:
        what()
        return "done"
    except OSError as error:
        return error.strerror


def load_module():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(313, 0, b"", 0) != 0:
        raise OSError(ctypes.get_errno(), "refused")


TRIED = {
    "write /etc": lambda: pathlib.Path("/etc/x").write_text("x"),
    "write /usr": lambda: pathlib.Path("/usr/x").write_text("x"),
    "read /home": lambda: pathlib.Path("/home/someone/secret").read_text(),
    "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "load a module": load_module,
    "write its state": lambda: pathlib.Path("/var/lib/wallarood/x").write_text("x"),
}


@w.computation
def work(number: int) -> str:
    name = list(TRIED)[number]
    return f"{name}: {attempt(TRIED[name])}"


app = w.application(
    "sandbox",
    w.source("numbers", w.GeneratorSource(count=len(TRIED))).to(work).to_sink(w.FileSink("tried")),
)
"""


def configure(host: Host, *, interval: str = "500ms", level: str = "info") -> None:
    host.put("/etc/wallaroo/wallarood.toml", ONE.format(interval=interval, level=level))
    host.put("/opt/numbers/our_numbers.py", NUMBERS)


@pytest.fixture
def running(host: Host) -> Host:
    """The host, with one worker that runs."""
    host.run(
        "sh",
        "-c",
        "systemctl stop wallarood; systemctl reset-failed; rm -rf /srv/order /var/lib/wallarood/*",
    )
    configure(host)
    host.run("systemctl", "start", "wallarood")
    wait_for("it runs", lambda: host.phase() == "running")
    return host


@contextmanager
def watched_closely(host: Host) -> Iterator[None]:
    """As long as this lasts, systemd has the patience of three seconds."""
    drop_in = "/etc/systemd/system/wallarood.service.d/quick.conf"
    host.put(drop_in, "[Service]\nWatchdogSec=3s\n")
    host.run("systemctl", "daemon-reload")
    yield
    host.run("rm", drop_in)
    host.run("systemctl", "daemon-reload")


def test_what_is_not_configured_is_skipped_and_not_failed(host: Host) -> None:
    host.run("systemctl", "start", "wallarood")
    assert host.show("wallarood", "Result") == "exec-condition"
    assert host.show("wallarood", "ActiveState") == "inactive"
    assert "no application is configured: set application.target" in host.journal()


@pytest.mark.long
def test_the_package_has_no_errors(packages: list[Path]) -> None:
    found = subprocess.run(
        ["lintian", "--fail-on", "error", packages[0]], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("page", sorted((ROOT / "man").iterdir()), ids=lambda page: page.name)
def test_a_man_page_has_no_warnings(page: Path) -> None:
    found = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False
    )
    assert found.stdout == ""


def test_the_units_are_right_and_narrow(host: Host) -> None:
    units = ("wallarood.service", "wallarood@x.service", "wallarood.socket", "wallarood.target")
    more = ("wallarood-data.socket", "wallarood-source@x.socket")
    verified = host.try_("systemd-analyze", "verify", *units, *more)
    assert verified.stderr.decode() == ""
    assert verified.returncode == 0
    for unit in units[:2]:
        host.run("systemd-analyze", "security", "--no-pager", "--threshold=20", unit)


def test_a_wrong_configuration_ends_with_78_and_its_reason_and_no_loop(host: Host) -> None:
    host.put("/etc/wallaroo/wallarood.toml", '[worker]\ncuont = 3\n[application]\ntarget = "x"\n')
    failed = host.try_("systemctl", "start", "wallarood")
    assert failed.returncode != 0
    assert host.show("wallarood", "ExecMainStatus") == "78"
    assert host.show("wallarood", "ActiveState") == "failed"
    assert host.show("wallarood", "NRestarts") == "0"
    shown = host.try_("systemctl", "status", "--no-pager", "wallarood").stdout.decode()
    assert "unknown key worker.cuont; did you mean worker.count?" in shown


def test_it_says_what_it_does(running: Host) -> None:
    wait_for(
        "a checkpoint shows",
        lambda: running.show("wallarood", "StatusText").startswith("running, checkpoint "),
    )
    entries = running.run("journalctl", "-u", "wallarood", "-o", "json", "--no-pager")
    ours = [json.loads(line) for line in entries.splitlines()]
    entry = next(each for each in ours if each.get("MESSAGE", "").startswith("running "))
    assert entry["PRIORITY"] == "6"
    assert entry["WALLAROOD_WORKER"] == "solo"
    assert entry["WALLAROOD_CLUSTER_ID"].startswith("wc-")
    assert entry["WALLAROOD_EPOCH"] == "1"
    assert "SYSLOG_TIMESTAMP" not in entry


def test_a_reload_takes_over_what_can_change_and_refuses_the_rest(running: Host) -> None:
    process = running.show("wallarood", "MainPID")
    configure(running, interval="50ms", level="debug")
    running.run("systemctl", "reload", "wallarood")
    before = running.told()["checkpoint"]["committed"]
    wait_for("many checkpoints", lambda: running.told()["checkpoint"]["committed"] > before + 20)
    text = ONE.format(interval="1h", level="info") + '[worker]\nname = "other"\n'
    running.put("/etc/wallaroo/wallarood.toml", text)
    refused = running.try_("systemctl", "reload", "wallarood")
    assert refused.returncode != 0
    assert "worker.name: changed from 'solo' to 'other', which needs a restart" in running.journal()
    running.put("/etc/wallaroo/wallarood.toml", "[[[")
    assert running.try_("systemctl", "reload", "wallarood").returncode != 0
    before = running.told()["checkpoint"]["committed"]
    wait_for("still many", lambda: running.told()["checkpoint"]["committed"] > before + 20)
    assert running.show("wallarood", "MainPID") == process
    assert running.show("wallarood", "ActiveState") == "active"


def test_a_computation_that_hangs_is_named_and_the_unit_started_again(running: Host) -> None:
    with watched_closely(running):
        running.run("systemctl", "restart", "wallarood")
        wait_for("it runs", lambda: running.phase() == "running")
        running.put("/srv/order", "hang")
        wait_for(
            "systemd has ended it", lambda: running.show("wallarood", "NRestarts") != "0", wait_s=30
        )
        running.put("/srv/order", "go on")
        wait_for("it runs again", lambda: running.phase() == "running", wait_s=30)
    journal = running.journal()
    line = NUMBERS.splitlines().index('        re.match(r"(a|aa)+$", "a" * 60 + "b")') + 1
    assert f'File "/opt/numbers/our_numbers.py", line {line} in work' in journal
    assert "Watchdog timeout" in journal


def test_what_takes_long_is_no_hang(host: Host) -> None:
    """Awaited I/O, a thread within its limit, and the backpressure that both cause."""
    host.run("sh", "-c", "systemctl stop wallarood; rm -rf /var/lib/wallarood/*")
    host.put("/opt/numbers/our_numbers.py", SLOW)
    host.put("/etc/wallaroo/wallarood.toml", ONE.format(interval="1s", level="info"))
    with watched_closely(host):
        host.run("systemctl", "start", "wallarood")
        wait_for("it is done", lambda: host.phase() == "completed", wait_s=60)
    assert host.show("wallarood", "NRestarts") == "0"
    assert "no progress" not in host.journal()
    assert host.run("sh", "-c", "cat /var/lib/wallarood/slow/* | wc -l").strip() == "39999"


def test_the_sandbox_is_real(host: Host) -> None:
    host.run("sh", "-c", "systemctl stop wallarood; rm -rf /var/lib/wallarood/*")
    host.put("/home/someone/secret", "secret")
    host.run("chmod", "-R", "a+rX", "/home")
    host.put("/opt/numbers/our_numbers.py", SANDBOX)
    host.put("/etc/wallaroo/wallarood.toml", ONE.format(interval="1s", level="info"))
    host.run("systemctl", "start", "wallarood")
    wait_for("it is done", lambda: host.phase() == "completed")
    said = host.run("sh", "-c", "cat /var/lib/wallarood/tried/*").splitlines()
    tried = dict(line.split(": ") for line in said)
    assert tried == {
        "write /etc": "Read-only file system",
        "write /usr": "Read-only file system",
        "read /home": tried["read /home"],
        "raw socket": "Operation not permitted",
        "packet socket": "Address family not supported by protocol",
        "load a module": "refused",
        "write its state": "done",
    }
    assert tried["read /home"] in ("No such file or directory", "Permission denied")


def test_an_upgrade_restarts_once_and_keeps_state(running: Host, packages: list[Path]) -> None:
    cluster = running.told()["cluster_id"]
    process = running.show("wallarood", "MainPID")
    wait_for("a checkpoint", lambda: running.told()["checkpoint"]["committed"] > 0)
    from_nothing = running.journal().count("checkpoint=0.0")
    running.install(packages[1])
    assert running.run("dpkg-query", "-W", "-f", "${Version}", "wallarood") == "0.1.1"
    assert running.show("wallarood", "MainPID") != process
    wait_for("it runs", lambda: running.phase() == "running")
    assert running.told()["cluster_id"] == cluster
    assert running.journal().count("checkpoint=0.0") == from_nothing


def test_removal_keeps_state_and_purge_takes_it(running: Host) -> None:
    running.run("dpkg", "-r", "wallarood")
    assert running.show("wallarood", "ActiveState") == "inactive"
    running.run("test", "-e", "/var/lib/wallarood/cluster")
    running.run("test", "-e", "/etc/wallaroo/wallarood.toml")
    running.run("dpkg", "-P", "wallarood")
    left = running.run("sh", "-c", "ls -d /etc/wallaroo /var/lib/wallarood 2>/dev/null || true")
    assert left == ""
    units = "ls /etc/systemd/system/*.wants/ | grep wallarood || true"
    assert running.run("sh", "-c", units) == ""
