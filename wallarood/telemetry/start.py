"""Starts what sends to a collector: the tracer of a worker, and the task that sends."""

from collections.abc import Callable

from wallarood.admin.status import Status
from wallarood.config.keys import Config
from wallarood.runtime.worker import Worker
from wallarood.telemetry.sending import REQUEST_S, Sending, Taking
from wallarood.telemetry.settings import telemetry_settings
from wallarood.telemetry.spans import Spans
from wallarood.telemetry.tracer import WorkerTracer


def start_telemetry(worker: Worker, status: Callable[[], Status], config: Config) -> Sending:
    """Send what *worker* does to the collector that *config* names, until it ends.

    Raises ConfigurationError: a file is wrong, or the SDK is not installed.
    """
    settings = telemetry_settings(config, worker.application.name)
    spans = Spans()
    WorkerTracer(worker, spans, settings.every)

    def connect() -> Taking:
        from wallarood.telemetry.otlp import Collector  # noqa: PLC0415 - the SDK: in the thread

        return Collector(settings, REQUEST_S)

    sending = Sending(status, spans, connect, settings.interval_s, settings.endpoint)
    worker.nursery.start_soon(sending.run)
    return sending
