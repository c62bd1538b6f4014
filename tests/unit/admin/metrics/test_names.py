"""Names as Prometheus wants them."""

import re

from wallarood.admin.metrics.names import METRICS, Form

UNITS = ("seconds", "bytes", "ratio", "cores", "records", "keys")


def test_names_are_distinct_and_well_formed_and_have_base_units() -> None:
    names = [metric.full_name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert re.fullmatch(r"wallarood_[a-z][a-z_]*[a-z]", metric.full_name)
        assert not re.search(r"_(ms|millis|kb|kib|mib|percent|minutes)(_|$)", metric.full_name)
        assert metric.full_name.endswith("_total") is (metric.form is Form.COUNTER)
        assert metric.help.endswith(".")


def test_labels_are_bounded_by_the_topology_and_never_keys_or_records() -> None:
    allowed = {"stage", "source", "sink", "partition", "peer", "computation"}
    allowed |= {"state", "cause", "outcome", "phase"}  # of a few words each
    assert {label for metric in METRICS for label in metric.labels} <= allowed
