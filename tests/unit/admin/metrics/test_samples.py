"""Every sample is of a metric that is named, with its labels."""

import attrs
from support.clusters import COUNT, SOURCE, full_status, healthy_cluster, with_stage

from wallarood.admin.figures.values import DeliveryStatus
from wallarood.admin.metrics.names import BY_NAME
from wallarood.admin.metrics.samples import buckets_of, samples_of, up_of
from wallarood.model.time import MAX_TIME


def test_a_worker_that_has_everything_gives_a_sample_of_every_metric() -> None:
    samples = list(samples_of(full_status()))
    for name, labels, value in samples:
        assert len(labels) == len(BY_NAME[name].labels)
        assert isinstance(value, int | float)
    of_cluster = {"worker", "up", "delivery_seconds"}
    assert {name for name, *_ in samples} == BY_NAME.keys() - of_cluster
    assert len({(name, labels) for name, labels, _ in samples}) == len(samples)


def test_what_is_not_known_gives_no_sample() -> None:
    bare = healthy_cluster().cluster.asked
    names = {name for name, *_ in samples_of(bare)}
    assert not names & {"sink_published_seconds", "sink_failing_since_seconds"}
    assert "source_away_since_seconds" not in names
    assert not names & {"source_lag_records", "source_lag_bytes", "certificate_end_seconds"}
    assert not names & {"checkpoint_last_bytes", "stage_watermark_seconds", "state_keys"}
    ended = with_stage(SOURCE, watermark=MAX_TIME)(bare)
    assert "stage_watermark_seconds" not in {name for name, *_ in samples_of(ended)}


def test_where_no_checkpoint_was_written_its_age_is_that_of_the_worker() -> None:
    """Else an alert that the last one is old would not fire where there never was one."""
    bare = healthy_cluster().cluster.asked
    assert ("checkpoint_age_seconds", (), bare.life_s) in list(samples_of(bare))


def test_the_shares_of_a_stage_make_one() -> None:
    status = with_stage(COUNT, busy=0.25, blocked=0.5)(healthy_cluster().cluster.asked)
    shares = {
        name: value
        for name, labels, value in samples_of(status)
        if labels == (COUNT,) and name.endswith("_ratio")
    }
    assert shares == {
        "stage_busy_ratio": 0.25,
        "stage_blocked_ratio": 0.5,
        "stage_idle_ratio": 0.25,
    }


def test_a_worker_that_does_not_answer_is_down() -> None:
    cluster = attrs.evolve(healthy_cluster().cluster, others=(), silent=("beta",))
    assert dict(up_of(cluster)) == {"alpha": 1.0, "beta": 0.0}


def test_buckets_are_cumulative_and_the_last_has_all() -> None:
    buckets = buckets_of(DeliveryStatus((0.1, 1.0), (1, 2, 4), 9.0))
    assert buckets == [("0.1", 1.0), ("1.0", 3.0), ("+Inf", 7.0)]
