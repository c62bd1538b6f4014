"""What looks at a worker and answers for it: figures, status, orders, and the servers for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import trio

from wallarood.admin.figures.report import Figures
from wallarood.admin.figures.sampler import Sampler
from wallarood.admin.gathering import Gathering
from wallarood.admin.orders import Orders
from wallarood.admin.reporter import StatusReporter
from wallarood.admin.server import Answering, serve_admin
from wallarood.config.keys import Config
from wallarood.daemon.doors import Doors
from wallarood.daemon.start.settings import certificate_files, http_settings
from wallarood.runtime.worker import Worker

PEEKS = ("tap", "state", "keys", "slots")


@attrs.frozen
class Watching:
    """Of *worker*, configured by *config*; *state* is where its state is.

    `began_at` is when the process did (trio).
    """

    worker: Worker
    config: Config
    state: Path
    orders: Orders
    doors: Doors
    began_at: float

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve on the admin socket, and over the network if that is configured, until cancelled.

        Raises CannotCreateError: one of them cannot be listened on. Raises ConfigurationError: a
        file for HTTP or OpenTelemetry is wrong, or the SDK of that is not installed.
        """
        worker = self.worker
        sampler = Sampler(
            worker,
            state=self.state,
            certificates=certificate_files(self.config),
            starts=worker.member.incarnation.starts,
            growth_after_s=self.config["admin.growth-after"],
        )
        worker.nursery.start_soon(sampler.run)
        figures = Figures(sampler, self.config["security.tap"])
        reporter = StatusReporter(worker, figures, process_began_at=self.began_at)
        self._send_on(reporter)
        kinds = {"history": sampler.told, **dict.fromkeys(PEEKS, self._peek)}
        gathering = Gathering(worker, reporter.status, kinds)
        answering = Answering(
            status=reporter.status,
            cluster=gathering.gather,
            topology=lambda: worker.node.record.topology if worker.node.record else None,
            orders=self.orders.by_name,
            ask=gathering.ask,
        )
        if (http := http_settings(self.config)) is not None:
            from wallarood.admin.web.listen import serve_http  # noqa: PLC0415 - if it is served

            await worker.nursery.start(serve_http, await self.doors.http(http), http, answering)
        admin = self.doors.admin(Path(self.config["admin.socket"]))
        await serve_admin(admin, answering, task_status=task_status)

    def _send_on(self, reporter: StatusReporter) -> None:
        """Send metrics and traces to a collector, if one is configured."""
        if self.config["otel.endpoint"] is None:
            return
        from wallarood.telemetry.start import start_telemetry  # noqa: PLC0415 - if it is sent

        start_telemetry(self.worker, reporter.status, self.config)

    async def _peek(self, query: Mapping[str, Any]) -> Any:
        """What a query for records or state gets. Raises ValueError: it is wrong."""
        from wallarood.admin.peeking.peeking import Peeking  # noqa: PLC0415 - when it is asked for

        return await Peeking(self.worker, self.config["security.tap"]).kinds[query["kind"]](query)
