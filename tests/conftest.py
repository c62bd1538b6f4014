"""What holds for all tests."""

import functools
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]

# The machines that run tests are shared: how long an example takes says nothing about the code.
settings.register_profile("wallarood", deadline=None)
settings.load_profile("wallarood")

PROCESSORS = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
    structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
]
"""What is done with logs of code that runs in a test itself. Where rich is installed, which other
libraries bring, structlog would show all variables of each traceback, for minutes.
"""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Look for no garbage among what is collected, neither now nor while tests run.

    It is some million objects: to look through them again and again takes as long as some tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_finish() -> None:
    """Keep compiled what is collected, and nothing after it.

    Tests write applications anew within a second, by which compiled ones would not be known as old.
    """
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


def pytest_runtest_setup() -> None:
    """Each test begins with that, whatever the one before has made of it."""
    if structlog.get_config()["processors"] is not PROCESSORS:
        structlog.reset_defaults()
        structlog.configure(processors=PROCESSORS)


SERVERS = ("kafka", "mqtt", "nats", "postgres", "redis", "s3")


class Together(LoadScopeScheduling):
    """What shares something goes to one process, the longest first; the rest is dealt out singly.

    This is seen by names alone: groups by marks had no effect with xdist 3.8 and pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


def together(nodeid: str) -> str:
    """What the test *nodeid* is run together with.

    All of tests/systemd share a lab, and those of tests/servers the server that stands in their
    name. Those of tests/cluster share nothing and wait much, unless there is something for a whole
    module. Elsewhere most of thousands take less than what it costs to hand one over.
    """
    file = nodeid.partition("::")[0]
    if file.startswith("tests/systemd/"):
        return "tests/systemd"
    if file.startswith("tests/servers/"):
        return next((server for server in SERVERS if server in nodeid), file)
    if file.startswith("tests/cluster/") and not has_something_for_all(file):
        return nodeid
    return file


@functools.cache
def has_something_for_all(file: str) -> bool:
    """Whether *file* has a fixture for a whole module."""
    return 'scope="module"' in (ROOT / file).read_text(encoding="utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together | None:
    """Hand out tests as `together` says, in the order of testpaths: the longest first."""
    if config.getvalue("dist") != "loadscope":
        return None
    config.option.loadscopereorder = False
    return Together(config, log)
