"""Reloading takes over all that has changed, or nothing, and says which key needs a restart."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
from structlog.testing import capture_logs
from support.lone import Lone, config_of, endless, lone_worker

from wallarood.config.keys import Config
from wallarood.control.events import TimingChanged
from wallarood.daemon.reload import LIVE, Reloader
from wallarood.model.errors import ConfigurationError


@attrs.frozen
class Reloaded:
    lone: Lone
    reloader: Reloader
    set: Callable[..., None]


@asynccontextmanager
async def reloading(directory: Path) -> AsyncIterator[Reloaded]:
    """A worker, its reloader, and what sets the configuration that is read next."""
    now: list[Config] = [config_of(directory)]

    def change(**values: object) -> None:
        now[0] = config_of(directory, **values)

    async with lone_worker(directory, endless([]), driven=False) as lone:
        reloader = Reloader(lone.parts.config, lambda: now[0], lone.worker, lone.parts.limits, None)
        yield Reloaded(lone, reloader, change)


async def test_what_has_changed_is_named_and_in_force(tmp_path: Path) -> None:
    async with reloading(tmp_path) as reloaded:
        reloaded.set(
            checkpoint__interval="7s",
            limits__batch_records_max=99,
            limits__batch_time_budget="3ms",
            limits__unauthenticated_connections_max=3,
        )
        assert sorted(reloaded.reloader.reload()) == [
            "checkpoint.interval",
            "limits.batch-records-max",
            "limits.batch-time-budget",
            "limits.unauthenticated-connections-max",
        ]
        worker = reloaded.lone.worker
        assert worker.settings.job.source.batch_records_max == 99
        assert worker.settings.job.time_budget_s == 0.003
        assert reloaded.lone.parts.limits.unauthenticated_connections_max == 3
        (timing,) = [each for each in worker.posted if isinstance(each, TimingChanged)]
        assert timing.checkpoint_interval_s == 7.0
        assert reloaded.reloader.reload() == [], "by now it is what there is"


async def test_one_key_that_needs_a_restart_keeps_all_others_as_they_were(tmp_path: Path) -> None:
    async with reloading(tmp_path) as reloaded:
        reloaded.set(limits__batch_records_max=99, limits__window_bytes="1MiB")
        with capture_logs() as logs, pytest.raises(ConfigurationError) as caught:
            reloaded.reloader.reload()
        assert "limits.window-bytes: changed from" in caught.value.message
        assert "needs a restart; nothing was reloaded" in caught.value.message
        assert "batch-records-max" not in caught.value.message
        assert reloaded.lone.worker.settings.job.source.batch_records_max != 99
        assert not reloaded.lone.worker.posted
        assert logs[0]["event"] == "configuration not reloaded"


async def test_a_file_that_is_wrong_changes_nothing(tmp_path: Path) -> None:
    def wrong() -> Config:
        raise ConfigurationError("wallarood.toml:3: expected a number")

    async with reloading(tmp_path) as reloaded:
        reloaded.reloader.read = wrong
        with pytest.raises(ConfigurationError, match="expected a number"):
            reloaded.reloader.reload()
        assert not reloaded.lone.worker.posted


@pytest.mark.parametrize("name", sorted(LIVE))
async def test_every_key_that_is_called_live_can_be_reloaded(tmp_path: Path, name: str) -> None:
    values = {
        "log.level": "debug",
        "checkpoint.interval": "9s",
        "checkpoint.deadline": "99s",
        "limits.batch-time-budget": "9ms",
        "limits.blocking-call-max": "99s",
        "limits.batch-bytes-max": "3KiB",
        "limits.record-bytes-max": "3KiB",
    }
    async with reloading(tmp_path) as reloaded:
        value = values.get(name, 77)
        reloaded.set(**{name.replace(".", "__").replace("-", "_"): value})
        assert reloaded.reloader.reload() == [name]
