"""The last failures of all workers, the newest first."""

import attrs
from support.clusters import COUNT, healthy_cluster, with_stage

from wallarood.admin.figures.values import FailureSample
from wallarood.admin.text.errors import SHOWN_MAX, errors_of, errors_text


def test_the_newest_comes_first_with_its_place_and_its_record() -> None:
    made = healthy_cluster()
    for worker, at in (("alpha", 5.0), ("beta", 9.0)):
        sample = FailureSample(at, "count", f"ValueError: on {worker}", "app.py", 3, "'x'")
        made = made.changed(worker, with_stage(COUNT, failures=(sample,), skipped=2))
    text = errors_text(attrs.evolve(made.cluster, silent=("gamma",)))
    lines = text.splitlines()
    assert lines[0].startswith("4 records skipped, 0 to dead letters, 0 too late")
    assert lines[1].startswith("1970-01-01 00:00:09Z beta count (app.py:3): ValueError: on beta")
    assert lines[2] == "  record: 'x'"
    assert lines[-1] == "no answer from gamma"


def test_so_many_are_shown() -> None:
    samples = tuple(FailureSample(float(n), "count", "x") for n in range(100))
    made = healthy_cluster().changed("beta", with_stage(COUNT, failures=samples))
    found = errors_of(made.cluster)
    assert len(found) == SHOWN_MAX
    assert found[0].sample.at == 99
