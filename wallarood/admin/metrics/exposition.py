"""The text of /metrics: Prometheus's own form, or OpenMetrics where it is asked for."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder

from wallarood.admin.metrics.names import METRICS, PREFIX, Form
from wallarood.admin.metrics.samples import buckets_of, samples_of, up_of
from wallarood.admin.status import ClusterStatus

_FAMILIES: dict[Form, Any] = {
    Form.GAUGE: GaugeMetricFamily,
    Form.COUNTER: CounterMetricFamily,
    Form.HISTOGRAM: HistogramMetricFamily,
    Form.INFO: InfoMetricFamily,
}


class StatusCollector:
    """The metrics of all workers that have answered, each with its name as a label."""

    def __init__(self, cluster: ClusterStatus) -> None:
        self._cluster = cluster

    def collect(self) -> Iterable[Any]:
        """All families, each with its samples."""
        families = {
            each.name: _FAMILIES[each.form](
                PREFIX + each.name, each.help, labels=("worker", *each.labels)
            )
            for each in METRICS
        }
        for worker, value in up_of(self._cluster):
            families["up"].add_metric((worker,), value)
        for status in self._cluster.workers:
            about = {
                "version": status.version,
                "application": status.application,
                "cluster": status.cluster_id or "",
            }
            families["worker"].add_metric((status.worker,), about)
            if status.delivery.bounds_s:
                buckets = buckets_of(status.delivery)
                families["delivery_seconds"].add_metric(
                    (status.worker,), buckets, status.delivery.seconds
                )
            for name, labels, value in samples_of(status):
                families[name].add_metric((status.worker, *labels), value)
        return [family for family in families.values() if family.samples]


@lru_cache(maxsize=16)
def kind_of(accept: str) -> str:
    """The content type of the form that a client with this Accept header gets."""
    return str(choose_encoder(accept)[1])


def text_of(cluster: ClusterStatus, kind: str) -> bytes:
    """All metrics in the form of content type *kind*."""
    registry = CollectorRegistry()
    collector: Any = StatusCollector(cluster)
    registry.register(collector)
    encode, _ = choose_encoder(kind)
    return bytes(encode(registry))
