"""Reloading the configuration of a worker that runs: what may change does, all or nothing."""

import time
from collections.abc import Callable

import attrs
import structlog

from wallarood.config.keys import KEYS, Config
from wallarood.control.events import TimingChanged
from wallarood.daemon.start.settings import source_limits
from wallarood.logs import set_level
from wallarood.model.errors import ConfigurationError, WallaroodError
from wallarood.net.listen import NetLimits
from wallarood.net.tls import Tls
from wallarood.runtime.worker import Worker
from wallarood.systemd.notify import notify

LIVE = frozenset(
    {
        "log.level",
        "checkpoint.interval",
        "checkpoint.deadline",
        "limits.batch-records-max",
        "limits.batch-bytes-max",
        "limits.record-bytes-max",
        "limits.batch-time-budget",
        "limits.blocking-call-max",
        "limits.unauthenticated-connections-max",
    }
)
"""The keys that a running worker takes over. All others need a restart."""

log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Reloader:
    """Reads the configuration again by *read*, and applies it to *worker* and *net*."""

    config: Config
    read: Callable[[], Config]
    worker: Worker
    net: NetLimits
    tls: Tls | None

    def reload(self) -> list[str]:
        """Take over what has changed; returns the names of the keys.

        Certificates are read again; existing connections keep the former ones.

        Raises ConfigurationError: a file is wrong, or a key changed that cannot while the worker
        runs. Raises KeyRefusedError: a certificate is wrong. Everything stays as it was then.
        """
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        notify("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
        try:
            changed = self._reload()
        except WallaroodError as error:
            log.error("configuration not reloaded", reason=error.message)
            raise
        finally:
            notify("READY=1", f"STATUS={self.worker.status_text}")
        log.info("configuration reloaded", changed=", ".join(changed) or "nothing")
        return changed

    def _reload(self) -> list[str]:
        new = self.read()
        names = [key.full_name for key in KEYS]
        changed = [name for name in names if new[name] != self.config[name]]
        if fixed := [name for name in changed if name not in LIVE]:
            raise ConfigurationError(
                "\n".join(
                    f"{new.origin(name)}: {name}: changed from {self.config[name]!r} to "
                    f"{new[name]!r}, which needs a restart; nothing was reloaded"
                    for name in fixed
                )
            )
        if self.tls is not None:
            self.tls.reload()
        self._apply(new)
        self.config = new
        return changed

    def _apply(self, new: Config) -> None:
        worker, job = self.worker, self.worker.settings.job
        set_level(new["log.level"])
        self.net.unauthenticated_connections_max = new["limits.unauthenticated-connections-max"]
        job.change_source(source_limits(new))
        job.time_budget_s = new["limits.batch-time-budget"]
        job.blocking_call_s = new["limits.blocking-call-max"]
        worker.post(TimingChanged(new["checkpoint.interval"], new["checkpoint.deadline"]))
