"""What holds for all tests."""

from typing import Any

import pytest
import structlog
from hypothesis import settings
from xdist.scheduler import LoadGroupScheduling

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


def pytest_runtest_setup() -> None:
    """Each test begins with that, whatever the one before has made of it."""
    if structlog.get_config()["processors"] is not PROCESSORS:
        structlog.reset_defaults()
        structlog.configure(processors=PROCESSORS)


SERVERS = "tests/servers/test_"


class ByFile(LoadGroupScheduling):
    """Tests go to processes by their group; those without one in two folders by their file.

    Those of tests/unit, since most of these thousands take less than what it costs to hand one
    over. And those of tests/servers by the first word of its name: that is the server which they
    share, and each process starts one of its own.
    """

    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        file = group.partition("::")[0]
        if file.startswith(SERVERS):
            return file.removeprefix(SERVERS).partition("_")[0].removesuffix(".py")
        return file if file.startswith("tests/unit/") else group


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """Hand out tests as `ByFile` says, in the order of testpaths: what takes long begins first."""
    if config.getvalue("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return ByFile(config, log)
