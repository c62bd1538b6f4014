"""What the process takes of its host."""

import time
from pathlib import Path

import pytest

from wallarood.admin.figures.host import Host, certificates_end, disk_of, memory_bytes
from wallarood.net.authority import issue, make_authority


def test_memory_follows_what_is_held() -> None:
    before = memory_bytes()
    held = bytearray(64 << 20)
    held[:: 1 << 12] = b"x" * (len(held) >> 12)
    assert memory_bytes() - before > 48 << 20


def test_the_longest_delay_of_the_last_naps_is_told() -> None:
    host = Host()
    assert host.loop_delay_s == 0
    host.woke(0.3)
    host.woke(-0.1)
    assert host.loop_delay_s == pytest.approx(0.3)
    for _ in range(100):
        host.woke(0.01)
    assert host.loop_delay_s == pytest.approx(0.01)


def test_the_processor_is_counted_in_cores() -> None:
    host = Host()
    host.ran(10.0, 100.0)
    assert host.cpu == 0
    host.ran(11.5, 102.0)
    assert host.cpu == pytest.approx(0.75)


def test_a_disk_that_is_gone_is_not_known(tmp_path: Path) -> None:
    free, size = disk_of(tmp_path)
    assert free is not None
    assert size is not None
    assert 0 < free <= size
    assert disk_of(tmp_path / "gone") == (None, None)


def test_the_certificate_that_ends_first_counts_and_a_file_that_is_none_does_not(
    tmp_path: Path,
) -> None:
    authority, out = tmp_path / "ca", tmp_path / "alpha"
    make_authority(authority)
    issue(authority, "alpha", out, days=20)
    other = tmp_path / "none.crt"
    other.write_text("no certificate")
    end = certificates_end((authority / "ca.crt", out / "worker.crt", other))
    assert end == pytest.approx(time.time() + 20 * 86400, abs=60)
    assert certificates_end((other,)) is None
