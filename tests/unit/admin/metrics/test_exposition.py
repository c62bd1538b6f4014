"""The text of /metrics, read as Prometheus reads it."""

import attrs
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from support.clusters import full_status, healthy_cluster

from wallarood.admin.metrics.exposition import kind_of, text_of
from wallarood.admin.metrics.names import METRICS
from wallarood.admin.status import ClusterStatus

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.mark.parametrize(
    ("accept", "kind", "parse"),
    [
        ("", "text/plain", parse_text),
        ("text/plain", "text/plain", parse_text),
        (OPENMETRICS, "application/openmetrics-text", parse_openmetrics),
    ],
)
def test_each_form_is_read_by_its_parser_with_every_metric(
    accept: str, kind: str, parse: object
) -> None:
    assert kind_of(accept).startswith(kind)
    text = text_of(ClusterStatus(full_status()), kind_of(accept)).decode()
    families = {family.name: family for family in parse(text)}  # type: ignore[operator]
    expected = {f"wallarood_{metric.name}" for metric in METRICS}
    assert {name.removesuffix("_info") for name in families} == expected
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families.values()
        for sample in family.samples
    }
    labels = (("stage", "count"), ("worker", "alpha"))
    assert samples["wallarood_stage_busy_ratio", labels] == 0.1
    late = (("cause", "window"), *labels)
    assert samples["wallarood_stage_late_total", late] == 3
    last = (("le", "+Inf"), ("worker", "alpha"))
    assert samples["wallarood_delivery_seconds_bucket", last] == 6


def test_all_workers_are_told_apart_by_their_names() -> None:
    made = healthy_cluster().cluster
    cluster = attrs.evolve(made, others=made.others[:1], silent=("gamma",))
    families = {f.name: f for f in parse_text(text_of(cluster, kind_of("")).decode())}
    up = {each.labels["worker"]: each.value for each in families["wallarood_up"].samples}
    assert up == {"alpha": 1, "beta": 1, "gamma": 0}
    stages = families["wallarood_stage_records_in"].samples
    assert {each.labels["worker"] for each in stages} == {"alpha", "beta"}
