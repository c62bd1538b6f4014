"""The dashboard in Chromium, as people see it, hear it and use it by keyboard."""

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from support.harness import Hosts, WorkerProcess, hosts_in, wait_for
from support.pages import ACTION_MS, expect
from support.ports import free_port
from support.servers.process import demand

from wallarood.admin import client

CHROMIUM = "/usr/bin/chromium"
SHOTS = os.environ.get("WALLAROOD_SCREENSHOTS")
"""Where screenshots are kept; nowhere without."""

APPLICATION = """
import time
import wallarood as w

class Seen:
    count = 0

@w.computation(on_error="skip")
def split(number: int) -> int:
    if number % 1000 == 0:
        raise ValueError(f"<img src=x onerror=alert({number})>")
    return number

@w.state_computation(state=Seen)
def dawdle(number: int, state: Seen) -> tuple[int, int]:
    time.sleep(0.0004)
    state.count += 1
    return number, state.count

stream = w.source("numbers", w.GeneratorSource()).to(split).key_by(lambda n: n % 5000, name="by")
app = w.application("turnover", stream.to(dawdle).to_sink(w.FileSink("dawdle-out"), name="ledger"))
"""

CALM = """
import wallarood as w

numbers = w.source("numbers", w.GeneratorSource(rate=100))
app = w.application("calm", numbers.map(str).to_sink(w.FileSink("calm-out", format="lines")))
"""


@attrs.define
class Watched:
    """A cluster of three, each with its page."""

    hosts: Hosts
    workers: list[WorkerProcess]
    ports: list[int]

    def page_of(self, number: int) -> str:
        return f"http://127.0.0.1:{self.ports[number]}/"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("watched")
    file = directory / "turnover.py"
    file.write_text(APPLICATION)
    ports = [free_port() for _ in range(3)]
    with hosts_in(directory) as hosts:
        workers = [
            hosts.start(
                name,
                str(file),
                *("--admin-http", f"127.0.0.1:{port}"),
                count=3,
                initializer=name == "alpha",
            )
            for name, port in zip(("alpha", "beta", "gamma"), ports, strict=True)
        ]
        wait_for("they run", lambda: all(each.phase() == "running" for each in workers))
        yield Watched(hosts, workers, ports)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    demand("" if Path(CHROMIUM).exists() else "chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, watched: Watched) -> Iterator[Page]:
    """The page of beta, as soon as it is live. Nothing is wrong on its console at the end."""
    shown = chromium.new_page(viewport={"width": 1280, "height": 900})
    shown.set_default_timeout(ACTION_MS)
    wrong: list[str] = []
    asked: list[str] = []
    shown.on("pageerror", lambda error: wrong.append(str(error)))
    shown.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(watched.page_of(1))
    expect(shown.locator("#live")).to_contain_text("live from beta")
    yield shown
    shown.close()
    assert wrong == []
    assert {url for url in asked if not url.startswith((watched.page_of(1), "data:"))} == set()


def kept(page: Page, name: str) -> None:
    """Keep a picture of the whole page."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG A and AA."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}}).response
    return [
        f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]
    ]


def test_the_page_names_the_slow_stage_and_shows_all_parts(page: Page) -> None:
    expect(page.locator("#sentence")).to_contain_text("dawdle", wait_s=30)
    expect(page.locator("#state")).to_have_text("running")
    expect(page.locator("#graph .node")).to_have_count(3)
    expect(page.locator("#members tbody tr")).to_have_count(3)
    expect(page.locator("#sources tbody tr")).not_to_have_count(0)
    expect(page.locator("#runs tbody tr")).not_to_have_count(0)
    expect(page.locator("#states tbody tr")).to_have_count(1)
    expect(page.locator("#rates")).to_contain_text("Sources read")
    expect(page.locator("#failures tbody tr")).not_to_have_count(0, wait_s=20)
    assert "<img" in page.locator("#failures").inner_text()  # as text, and not as an image
    assert page.locator("img").count() == 0
    kept(page, "light")


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        (390, "dark"),
        pytest.param(1280, "dark", marks=pytest.mark.long),
        pytest.param(390, "light", marks=pytest.mark.long),
    ],
)
def test_the_page_is_without_barriers_in_light_and_dark_and_on_a_phone(
    page: Page, scheme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    expect(page.locator("#sentence")).to_contain_text("dawdle", wait_s=30)
    page.locator("#graph .node").nth(1).click()
    expect(page.locator("#stage h3")).to_be_visible()
    assert violations(page) == []
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, "the page itself must not scroll sideways"
    kept(page, f"{scheme}-{width}")


def test_the_page_changes_within_two_seconds(page: Page) -> None:
    before = page.locator("#live").inner_text()
    expect(page.locator("#live")).not_to_have_text(before, wait_s=2)


def test_a_stage_is_chosen_by_keyboard_and_stays_in_focus_while_the_page_changes(
    page: Page,
) -> None:
    node = page.locator("#graph .node").nth(1)
    node.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#stage h3")).to_have_text("Stage dawdle")
    expect(page.locator("#stage tbody tr")).not_to_have_count(0)
    before = page.locator("#live").inner_text()
    expect(page.locator("#live")).not_to_have_text(before, wait_s=3)
    focused = page.evaluate("document.activeElement.getAttribute('data-stage')")
    assert focused == "1"
    page.keyboard.press("Space")
    expect(page.locator("#stage")).to_be_hidden()


def test_a_stage_shows_its_workers_slots_keys_state_failures_and_records(page: Page) -> None:
    page.locator("#graph .node").nth(1).click()
    expect(page.locator("#stage-title")).to_have_text("Stage dawdle")
    expect(page.locator("#instances tbody tr")).to_have_count(3)
    expect(page.locator("#stage-slots tbody tr")).to_have_count(8, wait_s=30)
    expect(page.locator("#stage-states tbody tr")).to_have_count(3)
    show = page.get_by_role("button", name="Show some records")

    def samples_are_shown() -> bool:
        with contextlib.suppress(AssertionError):
            expect(page.locator("#samples tbody tr")).not_to_have_count(0)
            return True
        page.keyboard.press("Enter")
        return False

    show.focus()
    page.keyboard.press("Enter")
    wait_for("some are shown, though none may pass while it looks", samples_are_shown)
    assert show.evaluate("button => button === document.activeElement")
    page.get_by_role("button", name="Count keys by slots").click()
    expect(page.locator("#stage-keys caption")).to_have_text("Slots with most keys of dawdle")
    expect(page.locator("#stage-keys tbody tr")).to_have_count(8)
    assert violations(page) == []
    kept(page, "stage")
    page.locator("#graph .node").nth(0).click()
    expect(page.locator("#stage-failures tbody tr")).not_to_have_count(0, wait_s=20)
    expect(page.locator("#samples table")).to_have_count(0)  # those were of another stage
    expect(page.locator("#stage-slots")).to_be_hidden()


def test_what_why_says_is_what_the_page_says(page: Page, watched: Watched) -> None:
    expect(page.locator("#sentence")).to_contain_text("dawdle", wait_s=30)

    def same() -> bool:
        asked = client.ask(watched.workers[1].state / "admin.sock", "GET", "/api/v1/why")
        said = asked["findings"][0]["sentence"]
        return page.locator("#sentence").inner_text().lower() == f"{said}.".lower()

    wait_for("they say the same", same)


def test_a_worker_that_is_killed_is_named_and_seen_to_come_back(
    page: Page, watched: Watched
) -> None:
    gamma = watched.workers[2]
    gamma.send(signal.SIGKILL)
    gamma.wait()
    expect(page.locator("#sentence")).to_contain_text("gamma is away", wait_s=15)
    expect(page.locator("#cluster")).to_contain_text(re.compile("no answer from .*gamma"))
    expect(page.locator("#state")).not_to_have_text("running")
    kept(page, "away")
    file = str(watched.hosts.directory / "turnover.py")
    again = watched.hosts.start("gamma", file, "--cluster-id", "auto", count=3)
    wait_for("it is back", lambda: again.phase() == "running")
    expect(page.locator("#state")).to_have_text("running", wait_s=15)
    expect(page.locator("#cluster")).not_to_contain_text("no answer")


def test_the_hour_before_is_there_when_the_page_is_opened_again(page: Page) -> None:
    def is_there() -> bool:
        page.reload()
        expect(page.locator("#live")).to_contain_text("live from beta")
        points = page.locator("#throughput polyline").first.get_attribute("points") or ""
        return len(points.split()) >= 2

    wait_for("two moments are shown: the workers note one every ten seconds", is_there)


def test_a_token_is_asked_for_and_orders_are_confirmed(chromium: Browser, tmp_path: Path) -> None:
    token, port = "0123456789abcdef", free_port()
    (tmp_path / "token").write_text(token)
    (tmp_path / "http.toml").write_text(
        f'[admin]\nhttp = "127.0.0.1:{port}"\ntoken-file = "{tmp_path / "token"}"\n'
    )
    file = tmp_path / "calm.py"
    file.write_text(CALM)
    with hosts_in(tmp_path, interval="1h") as hosts:
        worker = hosts.start("alpha", str(file), "--config", str(tmp_path / "http.toml"))
        wait_for("it runs", lambda: worker.phase() == "running")
        shown = chromium.new_page()
        shown.set_default_timeout(ACTION_MS)
        shown.goto(f"http://127.0.0.1:{port}/")
        field = shown.get_by_label("The token of admin.token-file")
        field.fill("a wrong one")
        shown.get_by_role("button", name="Show").click()
        expect(shown.locator("#token-error")).to_have_text("This token is not accepted.")
        assert violations(shown) == []
        field.fill(token)
        shown.get_by_role("button", name="Show").click()
        expect(shown.locator("#live")).to_contain_text("live from alpha")
        said = shown.locator("#order-said")
        take = shown.get_by_role("button", name="Take a checkpoint now")
        shown.once("dialog", lambda dialog: dialog.dismiss())
        take.click()
        expect(said).to_have_text("")
        shown.on("dialog", lambda dialog: dialog.accept())
        take.click()
        expect(said).to_have_text("Checkpoint 1 is committed.", wait_s=30)
        shown.get_by_label("Keep a checkpoint as").fill("monday")
        shown.keyboard.press("Enter")
        expect(said).to_have_text("Checkpoint 2 is committed, kept as monday.", wait_s=30)
        assert worker.told().checkpoint.kept == (("monday", 2),)
        shown.get_by_label("Keep a checkpoint as").fill("monday")
        shown.keyboard.press("Enter")
        expect(said).to_contain_text("Refused: checkpoint 2 is already kept as 'monday'")
        assert violations(shown) == []
        kept(shown, "orders")
        shown.get_by_role("button", name="Drop monday").click()
        expect(said).to_have_text("Checkpoint 2 is kept as monday no longer.")
        wait_for("it is dropped", lambda: worker.told().checkpoint.kept == ())
        expect(shown.locator("#kept li")).to_have_count(0)
        configuration = tmp_path / "test.toml"
        configuration.write_text(configuration.read_text().replace('"1h"', '"2h"'))
        shown.get_by_role("button", name="Reload the configuration").click()
        expect(said).to_have_text("Reloaded; changed: checkpoint.interval.")
        shown.close()
