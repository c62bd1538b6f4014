"""Logs as a reader sees them: on a terminal, in a pipe, as JSON, and said again and again."""

import json
import os
import pty
import subprocess
import sys

import pytest
import structlog

from wallarood.logs import REPEATS_MAX, REPEATS_S, Repeats

SAY = """
import structlog
from wallarood.logs import configure_logs

configure_logs("info", {log_format!r}, worker="alpha")
log = structlog.get_logger()
log.debug("unsaid")
log.info("γ is connected", peer="γ")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("it failed")
"""


def said_to_a_pipe(log_format: str) -> str:
    script = SAY.format(log_format=log_format)
    return subprocess.run(
        [sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=True
    ).stderr


def said_to_a_terminal(log_format: str) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SAY.format(log_format=log_format)], stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
        assert process.wait() == 0
    os.close(ours)
    return said.decode()


def test_colours_are_for_terminals_only() -> None:
    assert "\x1b[" in said_to_a_terminal("auto")
    assert "\x1b[" not in said_to_a_terminal("text")
    piped = said_to_a_pipe("auto")
    assert "\x1b[" not in piped
    assert "γ is connected" in piped
    assert "ZeroDivisionError" in piped
    assert "unsaid" not in piped


def test_json_is_a_line_an_event_traceback_and_all() -> None:
    first, second = map(json.loads, said_to_a_pipe("json").splitlines())
    assert (first["event"], first["peer"], first["worker"]) == ("γ is connected", "γ", "alpha")
    assert first["level"] == "info"
    assert second["exception"].startswith("Traceback")


def test_what_is_said_again_and_again_is_counted() -> None:
    now = 0.0
    repeats = Repeats(clock=lambda: now)

    def say(event: str) -> dict[str, object] | None:
        try:
            return dict(repeats(None, "info", {"event": event}))
        except structlog.DropEvent:
            return None

    told = [say("the disk is full") for _ in range(20)]
    assert [each is not None for each in told] == [True] * REPEATS_MAX + [False] * (
        20 - REPEATS_MAX
    )
    assert say("another") == {"event": "another"}
    now += REPEATS_S + 1
    assert say("the disk is full") == {"event": "the disk is full", "repeated": 20 - REPEATS_MAX}
    assert say("the disk is full") == {"event": "the disk is full"}


@pytest.mark.parametrize("changed", ["event", "peer"])
def test_another_field_is_another_event(changed: str) -> None:
    repeats = Repeats(clock=lambda: 0.0)
    for number in range(3 * REPEATS_MAX):
        event = {"event": "refused", "peer": "beta", changed: str(number)}
        assert repeats(None, "warning", event) == event


APPLICATION = """
import logging
from wallarood.logs import configure_logs, set_level

configure_logs({level!r}, "json", worker="alpha")
log = logging.getLogger("shop.orders")
log.debug("looked at %s", 1)
log.info("took %d orders from %s", 3, "γ")
logging.getLogger("trio_websocket").info("unsaid")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("it failed")
log.info("%d", "wrong")
set_level("error")
log.info("unsaid")
log.error("said")
"""


@pytest.mark.parametrize("level", ["info", "debug"])
def test_what_the_application_logs_is_an_entry_of_the_log(level: str) -> None:
    script = APPLICATION.format(level=level)
    done = subprocess.run(
        [sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=True
    )
    entries = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    said = [(each["level"], each["event"]) for each in entries]
    expected = [
        ("debug", "looked at 1"),
        ("info", "took 3 orders from γ"),
        ("error", "it failed"),
        ("error", "said"),
    ]
    assert said == expected[level == "info" :]
    assert {(each["logger"], each["worker"]) for each in entries} == {("shop.orders", "alpha")}
    assert "ZeroDivisionError" in entries[-2]["exception"]
