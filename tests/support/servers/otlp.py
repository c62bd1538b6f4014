"""A collector of OpenTelemetry in this process: it takes OTLP over HTTP or gRPC, and decodes it.

The programme `otelcol` is in none of the registries that a test may install from; this one speaks
the protocol with the classes that are made from its definition (opentelemetry-proto).
"""

import contextlib
import threading
from collections.abc import Iterator
from concurrent import futures
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc


class Manner(Enum):
    """What it does with what comes."""

    TAKES = "takes"
    REFUSES = "refuses"
    HANGS = "hangs"


@attrs.frozen
class Taken:
    """A span, with what says of whom it is."""

    name: str
    trace: bytes
    span: bytes
    parent: bytes
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    wrong: str
    notes: tuple[str, ...]
    worker: str


@attrs.frozen
class Number:
    """A point of a metric; `value` is the count of a histogram."""

    name: str
    worker: str
    value: float
    unit: str
    labels: dict[str, Any]
    kind: str
    since_ns: int
    at_ns: int


@attrs.define(eq=False)
class Collector:
    """What has come, as long as it takes it."""

    endpoint: str = ""
    manner: Manner = Manner.TAKES
    spans: list[Taken] = attrs.field(factory=list)
    numbers: list[Number] = attrs.field(factory=list)
    headers: list[dict[str, str]] = attrs.field(factory=list)
    asked: int = 0
    ended: threading.Event = attrs.field(factory=threading.Event)

    def take(self, request: Any) -> bool:
        """Whether *request* is taken."""
        self.asked += 1
        if self.manner is Manner.HANGS:
            self.ended.wait(120)
        if self.manner is not Manner.TAKES:
            return False
        if isinstance(request, traces.ExportTraceServiceRequest):
            self.spans += _spans(request)
        else:
            self.numbers += _numbers(request)
        return True

    def named(self, name: str) -> list[Taken]:
        """The spans of this name so far."""
        return [each for each in self.spans if each.name == name]

    def last(self, name: str, worker: str, **labels: str) -> Number | None:
        """The last point of a metric."""
        return next(
            (
                each
                for each in reversed(self.numbers)
                if (each.name, each.worker) == (name, worker) and each.labels == labels
            ),
            None,
        )


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


def _dict(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _spans(request: Any) -> Iterator[Taken]:
    for of_resource in request.resource_spans:
        resource = _dict(of_resource.resource.attributes)
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                yield Taken(
                    span.name,
                    span.trace_id,
                    span.span_id,
                    span.parent_span_id,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    _dict(span.attributes),
                    span.status.message,
                    tuple(event.name for event in span.events),
                    resource["service.instance.id"],
                )


def _numbers(request: Any) -> Iterator[Number]:
    for of_resource in request.resource_metrics:
        worker = _dict(of_resource.resource.attributes)["service.instance.id"]
        for scope in of_resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    value = point.count if kind == "histogram" else _number(point)
                    yield Number(
                        metric.name,
                        worker,
                        value,
                        metric.unit,
                        _dict(point.attributes),
                        kind,
                        point.start_time_unix_nano,
                        point.time_unix_nano,
                    )


def _number(point: Any) -> float:
    return float(getattr(point, point.WhichOneof("value")))


@contextlib.contextmanager
def collector_over_http() -> Iterator[Collector]:
    """One that listens on a free port of loopback."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.headers.append({name.lower(): each for name, each in self.headers.items()})
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kinds: dict[str, Any] = {
                "/v1/traces": traces.ExportTraceServiceRequest,
                "/v1/metrics": metrics.ExportMetricsServiceRequest,
            }
            taken = collector.take(kinds[self.path].FromString(body))
            self.send_response(200 if taken else 400)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:  # who asked has gone
            pass

    server = Server(("127.0.0.1", 0), Handler)
    collector.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def collector_over_grpc() -> Iterator[Collector]:
    """The same over gRPC."""
    collector = Collector()

    def take(request: Any, context: Any) -> None:
        collector.headers.append(dict(context.invocation_metadata()))
        if not collector.take(request):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")

    class Traces(traces_grpc.TraceServiceServicer):  # type: ignore[misc]
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - by the protocol
            take(request, context)
            return traces.ExportTraceServiceResponse()

    class Metrics(metrics_grpc.MetricsServiceServicer):  # type: ignore[misc]
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - by the protocol
            take(request, context)
            return metrics.ExportMetricsServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(4))
    traces_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    metrics_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        collector.ended.set()
        server.stop(0).wait()
