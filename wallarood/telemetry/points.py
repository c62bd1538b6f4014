"""The metrics of a worker as points in time, under the names that /metrics has."""
# Theory of operation
# ===================
# A counter goes to a collector as a sum since some moment. Most count since the worker started;
# those of stages begin again with each recovery. A sum that has become less began again between
# the last time and this one: its moment is that of the last time then.

from collections.abc import Iterator

import attrs

from wallarood.admin.figures.values import DeliveryStatus
from wallarood.admin.metrics.names import BY_NAME, PREFIX, Form, Metric
from wallarood.admin.metrics.samples import samples_of
from wallarood.admin.status import Status


@attrs.frozen
class Point:
    """One value of a metric at `at_ns`; a counter's has counted since `since_ns`."""

    metric: Metric
    labels: tuple[tuple[str, str], ...]
    value: float
    since_ns: int
    at_ns: int

    @property
    def name(self) -> str:
        """As in /metrics, without what a counter's name ends with there."""
        return PREFIX + self.metric.name

    @property
    def unit(self) -> str:
        """In UCUM, as OpenTelemetry has it; empty for mere numbers."""
        for end, unit in (("_seconds", "s"), ("_bytes", "By"), ("_ratio", "1")):
            if self.metric.name.endswith(end):
                return unit
        return ""


@attrs.frozen
class Points:
    """What a worker's metrics are at a moment."""

    points: tuple[Point, ...]
    delivery: DeliveryStatus
    since_ns: int
    at_ns: int


@attrs.define(eq=False)
class Series:
    """The metrics of one worker, which began at `since_ns`, one moment after the other."""

    since_ns: int
    _last: dict[tuple[str, tuple[str, ...]], tuple[float, int]] = attrs.field(factory=dict)
    """The last value of each counter, and since when it counts."""
    _last_ns: int = 0

    def of(self, status: Status, at_ns: int) -> Points:
        """All that *status* says, which was made at *at_ns*."""
        seen: dict[tuple[str, tuple[str, ...]], tuple[float, int]] = {}
        points = tuple(self._points(status, at_ns, seen))
        self._last, self._last_ns = seen, at_ns
        return Points(points, status.delivery, self.since_ns, at_ns)

    def _points(
        self, status: Status, at_ns: int, seen: dict[tuple[str, tuple[str, ...]], tuple[float, int]]
    ) -> Iterator[Point]:
        for name, values, value in samples_of(status):
            metric, since_ns = BY_NAME[name], self.since_ns
            if metric.form is Form.COUNTER:
                before, since_ns = self._last.get((name, values), (value, self.since_ns))
                if value < before:
                    since_ns = self._last_ns
                seen[name, values] = value, since_ns
            labels = tuple(zip(metric.labels, values, strict=True))
            yield Point(metric, labels, value, since_ns, at_ns)
