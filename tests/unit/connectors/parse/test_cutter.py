"""Chunks to batches: places are record ends, and what is too long costs one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.app.connector import SourceLimits
from wallarood.connectors.parse.cutter import SEEN_BYTES, Cutter, parser_for
from wallarood.connectors.parse.options import Format


def cutter(*, record_bytes_max: int = 1 << 20, records_max: int = 3, eager: bool = False) -> Cutter:
    limits = SourceLimits(batch_records_max=records_max, record_bytes_max=record_bytes_max)
    return Cutter("f", Format(), limits, parser_for(Format(), "f"), eager=eager)


@given(st.lists(st.text(st.sampled_from("aé\r"), max_size=40), max_size=30), st.integers(1, 50))
def test_every_batch_ends_at_its_place(lines: list[str], chunk: int) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    some = cutter()
    found: list[str] = []
    for start in range(0, len(data), chunk):
        some.feed(data[start : start + chunk])
        while (taken := some.take()) is not None:
            found += taken[0]
            assert len(taken[0]) <= 3
            before = data[: some.offset]
            assert found == [line.removesuffix("\r") for line in before.decode().split("\n")[:-1]]
            assert some.before == before[-SEEN_BYTES:]
            assert some.line == len(found)
    assert found == [line.removesuffix("\r") for line in lines]


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_a_line_that_is_too_long_costs_that_line_and_little_memory(chunk: int) -> None:
    data = b"first\n" + b"x" * 500 + b"\nsecond\n" + b"y" * 99 + b"\nlast"
    some = cutter(record_bytes_max=98)
    records, faults = [], []

    def drain() -> None:
        while (taken := some.take()) is not None:
            records.extend(taken[0])
            faults.extend((each.line, each.byte, each.raw[:1]) for each in taken[1])

    for start in range(0, len(data), chunk):
        some.feed(data[start : start + chunk])
        drain()
        assert some.held <= 98 + chunk
    some.finish()
    drain()
    assert records == ["first", "second", "last"]
    assert faults == [(2, 6, b"x"), (4, 514, b"y")]
    assert some.offset == len(data)


def test_a_line_that_is_too_long_is_said_at_once_to_who_stops_at_it() -> None:
    some = cutter(record_bytes_max=98, eager=True)
    some.feed(b"x" * 99)
    taken = some.take()
    assert taken is not None
    assert "longer than 98 bytes" in taken[1][0].error
