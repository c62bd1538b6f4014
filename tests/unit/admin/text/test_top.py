"""The cluster at a glance."""

import attrs
from support.clusters import COUNT, healthy_cluster, with_stage

from wallarood.admin.figures.values import StateSize
from wallarood.admin.text.top import stage_rows, top_text


def test_a_stage_shows_the_sum_of_its_records_and_the_shares_of_the_busiest_worker() -> None:
    made = healthy_cluster()
    made = made.everywhere(with_stage(COUNT, states=(StateSize("count", 7),), late=(("w", 2),)))
    made = made.changed("beta", with_stage(COUNT, busy=0.9, backlog=3, dead_letters=1, skipped=1))
    row = stage_rows(made.cluster)[1]
    assert (row.name, row.workers, row.rate_in, row.busy) == (COUNT, 3, 3000, 0.9)
    assert (row.backlog, row.keys, row.failed, row.late) == (3, 21, 2, 6)


def test_the_skew_is_that_of_the_worker_with_most_records() -> None:
    made = healthy_cluster().changed("beta", with_stage(COUNT, rate=4000.0, slot_skew=2.5))
    source, count, _ = stage_rows(made.cluster)
    assert source.skew is None  # no key decides who gets its records
    assert (count.skew, count.slot_skew) == (2.0, 2.5)
    (row,) = (line for line in top_text(made.cluster).splitlines() if COUNT in line.split())
    assert "2.0" in row.split()
    alone = attrs.evolve(made.cluster, others=())
    assert stage_rows(alone)[1].skew is None


def test_a_worker_that_does_not_answer_is_named() -> None:
    cluster = attrs.evolve(healthy_cluster().cluster, silent=("delta",))
    text = top_text(cluster)
    assert "no answer from delta" in text
    assert "reads 3,000 records/s" in text
    assert [line.split()[0] for line in text.splitlines() if line.startswith("beta")] == ["beta"]
