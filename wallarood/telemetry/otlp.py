"""To the collector: spans and points in the SDK's classes, encoded and sent by its exporters."""
# It runs in a thread and may take as long as the collector: see `wallarood.telemetry.sending`.

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from wallarood import __version__
from wallarood.admin.metrics.names import BY_NAME, PREFIX, Form
from wallarood.telemetry.points import Point, Points
from wallarood.telemetry.settings import Protocol, TelemetrySettings
from wallarood.telemetry.spans import Place, Span

SCOPE = InstrumentationScope("wallarood", __version__)
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
CUMULATIVE = AggregationTemporality.CUMULATIVE


class _Said(logging.Handler):
    """Keeps what the SDK says of a failure: it is told once by who sends, not at each attempt."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


class Collector:
    """Sends to the collector of *settings*. Its methods block, and are called one at a time."""

    def __init__(self, settings: TelemetrySettings, timeout_s: float) -> None:
        self._resource = Resource.create(dict(settings.attributes))
        self._said = _Said()
        logger = logging.getLogger("opentelemetry")
        logger.handlers[:] = [self._said]
        logger.propagate = False
        make = _grpc if settings.protocol is Protocol.GRPC else _http
        self._spans, self._metrics = make(settings, timeout_s)

    @property
    def problem(self) -> str:
        """What was said of the last failure."""
        return self._said.last

    def send_spans(self, spans: Sequence[Span]) -> bool:
        """Whether the collector has taken *spans*."""
        readable = [_readable(span, self._resource) for span in spans]
        return bool(self._spans.export(readable) is SpanExportResult.SUCCESS)

    def send_points(self, points: Points) -> bool:
        """Whether the collector has taken *points*."""
        scope = ScopeMetrics(SCOPE, list(_metrics(points)), "")
        data = MetricsData([ResourceMetrics(self._resource, [scope], "")])
        return bool(self._metrics.export(data) is MetricExportResult.SUCCESS)


def _http(settings: TelemetrySettings, timeout_s: float) -> tuple[Any, Any]:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - one of two
        OTLPMetricExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - as above
        OTLPSpanExporter,
    )

    base = settings.endpoint.rstrip("/")
    common: dict[str, Any] = {
        "certificate_file": settings.authority,
        "headers": dict(settings.headers),
        "timeout": timeout_s,
    }
    return (
        OTLPSpanExporter(endpoint=f"{base}/v1/traces", **common),
        OTLPMetricExporter(endpoint=f"{base}/v1/metrics", **common),
    )


def _grpc(settings: TelemetrySettings, timeout_s: float) -> tuple[Any, Any]:
    import grpc  # noqa: PLC0415 - one of two
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (  # noqa: PLC0415 - as above
        OTLPMetricExporter,
    )
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415 - as above
        OTLPSpanExporter,
    )

    plain = settings.endpoint.startswith("http://")
    authority = None
    if settings.authority is not None:
        with open(settings.authority, "rb") as file:
            authority = file.read()
    common: dict[str, Any] = {
        "endpoint": settings.endpoint,
        "insecure": plain,
        "credentials": None if plain else grpc.ssl_channel_credentials(authority),
        "headers": tuple((name.lower(), value) for name, value in settings.headers),
        "timeout": timeout_s,
    }
    return OTLPSpanExporter(**common), OTLPMetricExporter(**common)


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    parent = None if span.parent is None else Place(span.place.trace, span.parent)
    status = Status(StatusCode.ERROR, span.wrong) if span.wrong else Status(StatusCode.UNSET)
    return ReadableSpan(
        name=span.name,
        context=_context(span.place),
        parent=None if parent is None else _context(parent),
        resource=resource,
        attributes=dict(span.attributes),
        events=[Event(text, timestamp=at_ns) for at_ns, text in span.notes],
        kind=SpanKind.INTERNAL,
        status=status,
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=SCOPE,
    )


def _context(place: Place) -> SpanContext:
    return SpanContext(place.trace, place.span, is_remote=False, trace_flags=SAMPLED)


def _metrics(points: Points) -> Iterable[Metric]:
    by_name: dict[str, list[Point]] = {}
    for point in points.points:
        by_name.setdefault(point.name, []).append(point)
    for name, each in by_name.items():
        numbers = [
            NumberDataPoint(dict(one.labels), one.since_ns, one.at_ns, one.value) for one in each
        ]
        metric = each[0].metric
        counts = metric.form is Form.COUNTER
        data = Sum(numbers, CUMULATIVE, is_monotonic=True) if counts else Gauge(numbers)
        yield Metric(name, metric.help, each[0].unit, data)
    delivery, metric = points.delivery, BY_NAME["delivery_seconds"]
    if delivery.bounds_s:
        histogram = HistogramDataPoint(
            attributes={},
            start_time_unix_nano=points.since_ns,
            time_unix_nano=points.at_ns,
            count=sum(delivery.counts),
            sum=delivery.seconds,
            bucket_counts=list(delivery.counts),
            explicit_bounds=list(delivery.bounds_s),
            min=float("inf"),
            max=float("-inf"),
        )
        yield Metric(PREFIX + metric.name, metric.help, "s", Histogram([histogram], CUMULATIVE))
