"""Durations and sizes as people write them."""

from wallarood.config.keys import BY_NAME
from wallarood.config.units import parse_duration, parse_size, show_duration, show_size


def test_units() -> None:
    assert [parse_duration(each) for each in ("5ms", "1.5s", "2min", "1h")] == [
        0.005,
        1.5,
        120,
        3600,
    ]
    assert [parse_size(each) for each in ("7B", "1KiB", "0.5MiB")] == [7, 1024, 1 << 19]
    assert [show_duration(each) for each in (0.005, 1.5, 120.0, 3600.0)] == [
        "5ms", "1.5s", "2min", "1h",
    ]  # fmt: skip
    assert [show_size(each) for each in (7, 1024, 1 << 20, 3 << 30)] == [
        "7B",
        "1KiB",
        "1MiB",
        "3GiB",
    ]
    assert BY_NAME["timing.stop"].show(4.0) == '"4s"'
