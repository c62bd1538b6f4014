"""Ten faults are made in a cluster of three: `wallarooctl why` names each in its first sentence.

So does the page of alpha, which is open in Chromium all the while. While a fault lasts,
Prometheus sees a reason for the alert that goes with it, and what the runbook says of that is done.
"""

import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from support.faulty import Faulty
from support.harness import hosts_in, wait_for
from support.pages import ACTION_MS, expect
from support.runbook import Runbook
from support.servers import prometheus
from support.servers.process import demand
from support.servers.prometheus import Alerts
from support.web import first_event

from wallarood.admin.status import StageStatus
from wallarood.cli.ctl import main

Say = pytest.CaptureFixture[str]
Look = Callable[[str], dict[str, str]]

CHROMIUM = Path("/usr/bin/chromium")
UNSEEN = {
    *("WallaroodCheckpointOld", "WallaroodDiskNearlyFull", "WallaroodLagGrows"),
    "WallaroodRestarts",
}
"""A reason for these takes minutes, or much of a disk: tests/servers makes up their series."""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    with hosts_in(tmp_path_factory.mktemp("faulty")) as hosts:
        yield Faulty.starting(hosts)


@pytest.fixture(scope="module", autouse=True)
def page(faulty: Faulty) -> Iterator[Page]:
    """The page of alpha."""
    demand("" if CHROMIUM.exists() else "chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        faulty.page = browser.new_page()
        faulty.page.set_default_timeout(ACTION_MS)
        faulty.page.goto(f"http://127.0.0.1:{faulty.ports['alpha']}/")
        expect(faulty.page.locator("#live")).to_contain_text("live from alpha")
        yield faulty.page
        browser.close()


@pytest.fixture(scope="module")
def runbook(faulty: Faulty) -> Runbook:
    return Runbook.opened(faulty.workers[0].state)


@pytest.fixture(scope="module")
def alerts(faulty: Faulty, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alerts]:
    targets = [f"127.0.0.1:{port}" for port in faulty.ports.values()]
    with prometheus.watching(tmp_path_factory.mktemp("prometheus"), targets, "none") as found:
        yield found


@pytest.fixture
def look(runbook: Runbook, alerts: Alerts, capsys: Say) -> Look:
    """Do what only looks of what is said of an alert, for which there is a reason now."""

    def look(alert: str) -> dict[str, str]:
        wait_for(f"{alert} has a reason", lambda: alert in UNSEEN or alerts.hold(alert))
        return runbook.look(alert, capsys)

    return look


def named(faulty: Faulty, capsys: Say, fault: str, begin: str | tuple[str, ...]) -> str:
    """Wait until *fault* is found first, by a sentence that begins so; returns what people get.

    The page has the same sentence at the top, a second or two later.
    """
    sentence, on_page = "", False

    def is_named() -> bool:
        nonlocal sentence, on_page
        sentence = said_by("why", faulty, capsys).partition("\n")[0]
        shown = first_event(faulty.socket)["findings"][0]
        on_page = on_page or faulty.on_page.startswith(begin)
        return sentence.startswith(begin) and shown["fault"] == fault and on_page

    try:
        wait_for(f"{fault} is named", is_named)
    except AssertionError:
        every = [said_by(command, faulty, capsys) for command in ("why", "top")]
        raise AssertionError("\n".join([fault, faulty.on_page, *every])) from None
    return sentence


def said_by(command: str, faulty: Faulty, capsys: Say) -> str:
    """What a command of `wallarooctl` says."""
    capsys.readouterr()
    assert main([command, "--socket", str(faulty.socket)]) == 0
    return capsys.readouterr().out


def test_an_idle_partition(faulty: Faulty, capsys: Say) -> None:
    faulty.at += 100
    faulty.read([{}] * 20, ("one", "two"))
    begin = "Partition three of source lines on "
    assert "holds event time" in named(faulty, capsys, "idle partition", begin)
    faulty.read([{}] * 9)
    wait_for("it does not any more", lambda: faulty.first_fault() != "idle partition")


def test_leaking_state(faulty: Faulty, capsys: Say) -> None:
    faulty.read({"key": f"new-{number}"} for number in range(3000))
    assert "more than" in named(faulty, capsys, "growing state", "The state of computation ")


def test_a_flood_of_late_records(faulty: Faulty, alerts: Alerts, look: Look, capsys: Say) -> None:
    faulty.at += 1000
    faulty.read([{}] * 9)
    wait_for("time has come far", lambda: window_opens(faulty))
    faulty.read([{"at": faulty.at - 900}] * 300)
    named(faulty, capsys, "late records", "Records come too late for stage windows: ")

    def flooded() -> bool:
        faulty.read([{"at": faulty.at - 900}] * 9)
        return alerts.hold("WallaroodLateRecords")

    wait_for("the flood is seen to last", flooded)
    said = look("WallaroodLateRecords")
    assert "window" in said["wallarooctl watermarks"]
    assert "windows" in said["wallarooctl errors"]
    assert "lines" in said["wallarooctl lag"]


def window_opens(faulty: Faulty) -> bool:
    """Whether the stage of the windows has the present event time on all workers."""
    times = [
        stage.watermark or 0
        for worker in faulty.workers
        for stage in worker.told().stages
        if stage.name == "windows"
    ]
    return len(times) == 3 and min(times) // 1_000_000 >= faulty.at - 5


def test_dead_letters(faulty: Faulty, look: Look, capsys: Say) -> None:
    faulty.read([{"bad": True}] * 60)
    sentence = named(faulty, capsys, "dead letters", "Records fail in stage lines ")
    assert "this is no number" in sentence
    said = look("WallaroodDeadLetters")
    assert "this is no number" in said["wallarooctl errors"]
    assert "faulty.py:" in said["wallarooctl errors"]


def test_a_slow_sink(faulty: Faulty, look: Look, capsys: Say) -> None:
    with faulty.switched("slow-sink"):
        faulty.read([{}] * 3000)
        named(faulty, capsys, "slow sink", "Sink out is slow: on ")
        said = look("WallaroodLagGrows")
        assert "out" in said["wallarooctl top"]
        assert "lines" in said["wallarooctl lag"]


def test_a_hot_key(faulty: Faulty, capsys: Say) -> None:
    (key,) = faulty.keys_of("gamma", "count", count=1)
    with faulty.switched("slow-count"):
        faulty.read([{"key": key}] * 1500)
        sentence = named(faulty, capsys, "hot key", f"Key {key} has ")
    assert "stage count" in sentence
    assert "gamma" in sentence


def test_skewed_slots(faulty: Faulty, capsys: Say) -> None:
    keys = faulty.keys_of("beta", "count", count=200)
    with faulty.switched("slow-count"):
        faulty.read({"key": keys[number % 200]} for number in range(1500))
        begin = "The slots of stage count are skewed: beta gets "
        named(faulty, capsys, "skewed slots", begin)

        def shares_are_known() -> bool:
            faulty.read({"key": keys[number]} for number in range(20))
            said = said_by("why", faulty, capsys)
            return said.startswith(begin) and "of its slots" in said

        wait_for("which slots have most is said once enough was seen", shares_are_known)


def test_a_failing_checkpoint(faulty: Faulty, runbook: Runbook, look: Look, capsys: Say) -> None:
    alerts = ("WallaroodCheckpointOld", "WallaroodCheckpointsAbandoned")
    faulty.configure(deadline="500ms")
    with faulty.switched("stuck-sink"):
        sentence = named(faulty, capsys, "failing checkpoint", "Checkpoints fail: ")
        assert "were abandoned" in sentence
        for alert in alerts:
            assert "were abandoned" in look(alert)["wallarooctl why"]
    faulty.configure(deadline="30s")
    for alert in alerts:
        assert "is committed" in runbook.act(alert, capsys)["wallarooctl checkpoint"]


def test_a_server_that_is_away(faulty: Faulty, look: Look, capsys: Say) -> None:
    begin = ("Sink out on ", "Sink letters on ")
    with faulty.switched("absent-server"):
        sentence = named(faulty, capsys, "sink cannot publish", begin)
        assert "connection refused" in sentence
        said = look("WallaroodSinkOrSourceAway")
        assert "connection refused" in said["wallarooctl status"]


def test_a_disk_that_refuses(faulty: Faulty, runbook: Runbook, look: Look, capsys: Say) -> None:
    alpha = faulty.workers[0].process.pid
    before = resource.prlimit(alpha, resource.RLIMIT_FSIZE)
    resource.prlimit(alpha, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        wait_for("several are refused", lambda: refused_by_alpha(faulty) >= 3)
        begin = "The disk of alpha refuses checkpoints: "
        named(faulty, capsys, "blocked disk", begin)
        sentence = begin.lower()  # a worker that answers late for once is named before it
        for alert in ("WallaroodDiskRefuses", "WallaroodDiskNearlyFull"):
            assert sentence in look(alert).get("wallarooctl why", begin).lower()
        assert "blocked disk" in faulty.faults(), "it was taken back by what writes nothing"
    finally:
        resource.prlimit(alpha, resource.RLIMIT_FSIZE, before)
    said = runbook.act("WallaroodDiskRefuses", capsys)
    assert "is committed" in said["wallarooctl checkpoint"]


def refused_by_alpha(faulty: Faulty) -> int:
    """How many checkpoints the disk of alpha has refused."""
    return faulty.workers[0].told().checkpoint.failed


def test_user_code_that_holds_the_loop_is_named_as_the_runbook_says(
    faulty: Faulty, look: Look
) -> None:
    keys = faulty.keys_of("alpha", "count", count=1)
    faulty.read([{"key": keys[0], "holds": True}])
    wait_for("it is noticed", lambda: any(stage.overruns for stage in stages_of_alpha(faulty)))
    said = look("WallaroodLoopDelayed")
    assert "over a second on the event loop: count (1)" in said["wallarooctl status"]
    assert "loop delay" in said["wallarooctl top"]


def stages_of_alpha(faulty: Faulty) -> tuple[StageStatus, ...]:
    return faulty.workers[0].told().stages


def test_a_missing_worker(faulty: Faulty, look: Look, capsys: Say) -> None:
    gamma = faulty.workers[2]
    gamma.send(signal.SIGKILL)
    gamma.wait()
    named(faulty, capsys, "missing worker", "Worker gamma is away")
    for alert in ("WallaroodWorkerDown", "WallaroodPeerAway"):
        said = look(alert)
        assert "away" in said["wallarooctl workers"]
    assert "gamma" in look("WallaroodJobNotRunning")["wallarooctl why"]
    faulty.start("gamma", "--cluster-id", "auto")
    faulty.wait_until_running()
    rows: list[str] = []

    def is_seen() -> bool:  # what the cluster answers may be of a moment before
        lines = look("WallaroodRestarts")["wallarooctl top"].splitlines()
        rows[:] = [each for each in lines if each.startswith("gamma")]
        return bool(rows)

    wait_for("gamma is seen again", is_seen)
    assert [each.split()[-1] for each in rows] == ["2"]


def test_every_step_of_the_runbook_was_done(
    runbook: Runbook, request: pytest.FixtureRequest
) -> None:
    here = [each for each in request.session.items if each.path == request.path]
    if len(here) < 13:
        pytest.skip("not all faults were made")
    assert runbook.waiting == set()
