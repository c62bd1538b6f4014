"""Addresses: which of them are this host alone."""

import pytest

from wallarood.model.ids import is_loopback


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.255.0.9", "::1", "localhost", "LOCALHOST", "localhost.", "::ffff:127.0.0.1"],
)
def test_this_host_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("127.evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.", "127.1"),
        *("0.0.0.0", "::", "::ffff:10.0.0.1", "10.0.0.1", "fe80::1%eth0", "alpha", ""),
    ],
)
def test_what_only_looks_like_it_or_is_not(host: str) -> None:
    assert not is_loopback(host)
