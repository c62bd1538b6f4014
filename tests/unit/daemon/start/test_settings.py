"""What each part is given of the configuration."""

from pathlib import Path

import pytest
from support.lone import config_of

from wallarood.daemon.start.settings import (
    credentials,
    net_limits,
    node_settings,
    runtime_settings,
    source_limits,
)
from wallarood.model.errors import KeyRefusedError
from wallarood.wire.records.untyped import PickleRule


def test_each_limit_comes_from_its_own_key(tmp_path: Path) -> None:
    config = config_of(
        tmp_path,
        limits__batch_records_max=11,
        limits__batch_bytes_max="3KiB",
        limits__record_bytes_max="4KiB",
        limits__inbox_batches_max=5,
        limits__window_bytes="64KiB",
        limits__frame_bytes_max="5MiB",
        limits__unauthenticated_connections_max=9,
        timing__heartbeat="1s",
        timing__liveness_deadline="8s",
        timing__connect_backoff_max="4s",
        timing__handshake_deadline="6s",
    )
    source = source_limits(config)
    assert (source.batch_records_max, source.batch_bytes_max) == (11, 3 << 10)
    assert source.record_bytes_max == 4 << 10
    settings = runtime_settings(config, [])
    assert settings.job.inbox_batches_max == 5
    links = settings.links
    assert (links.window_bytes, links.frame_bytes_max) == (64 << 10, 5 << 20)
    assert (links.backoff_max_s, links.probe_s, links.silence_s) == (4.0, 1.0, 8.0)
    net = net_limits(config)
    assert (net.handshake_deadline_s, net.unauthenticated_connections_max) == (6.0, 9)


def test_the_timing_of_the_cluster_is_that_of_the_configuration(tmp_path: Path) -> None:
    settings = node_settings(
        config_of(
            tmp_path,
            timing__heartbeat="1s",
            timing__liveness_deadline="8s",
            checkpoint__interval="3s",
            checkpoint__deadline="40s",
            application__exit_on_completion=True,
        )
    )
    timing = settings.timing
    assert (timing.heartbeat_s, timing.liveness_deadline_s) == (1.0, 8.0)
    assert (timing.checkpoint_interval_s, timing.checkpoint_deadline_s) == (3.0, 40.0)
    assert settings.exit_on_completion


def test_records_may_be_pickled_where_no_other_host_reaches_this_worker(tmp_path: Path) -> None:
    """With listeners that others reach, see test_addresses."""
    assert runtime_settings(config_of(tmp_path), []).pickle is PickleRule.ALLOWED


def test_without_a_key_there_is_none_and_a_key_that_cannot_be_read_is_refused(
    tmp_path: Path,
) -> None:
    assert not credentials(config_of(tmp_path)).is_set
    with pytest.raises(KeyRefusedError, match="No such file"):
        credentials(config_of(tmp_path, security__key_file=str(tmp_path / "missing")))
    key = tmp_path / "key"
    key.write_bytes(b"k" * 40)
    assert credentials(config_of(tmp_path, security__key_file=str(key))).is_set
