"""Chunks to batches: places are record ends, and what is too long costs one line."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.app.connector import Located, SourceLimits
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


ROWS = 'a,b\n1,2\n\n"3\n4",5\n6\n7,8\n'


@pytest.mark.parametrize("chunk", [1, 5, 1000])
@pytest.mark.parametrize("records_max", [1, 3, 100])
@pytest.mark.parametrize(
    ("form", "text", "places"),
    [
        (Format(), "a\nbé\n\r\nd", [("a", 0, 1), ("bé", 2, 2), ("", 6, 3), ("d", 8, 4)]),
        (Format(encoding="ascii"), "a\né\nc\n", [("a", 0, 1), ("c", 5, 3)]),
        (Format("bytes"), "a\r\n\nc\n", [(b"a", 0, 1), (b"", 3, 2), (b"c", 4, 3)]),
        (Format("bytes"), "a\n\nc\n", [(b"a", 0, 1), (b"", 2, 2), (b"c", 3, 3)]),
        (Format("json", object), '{"n": 1}\n{}\n', [({"n": 1}, 0, 1), ({}, 9, 2)]),
        (Format("json", object), "1\n\n[2]\nx\n{}\n", [(1, 0, 1), ([2], 3, 3), ({}, 9, 5)]),
        (
            Format("csv", tuple[str, ...], has_header=False),
            ROWS,
            [
                (("a", "b"), 0, 1),
                (("1", "2"), 4, 2),
                (("3\n4", "5"), 9, 4),
                (("6",), 17, 6),
                (("7", "8"), 19, 7),
            ],
        ),
        (
            Format("csv", dict[str, str]),
            ROWS,
            [
                ({"a": "1", "b": "2"}, 4, 2),
                ({"a": "3\n4", "b": "5"}, 9, 4),
                ({"a": "7", "b": "8"}, 19, 7),
            ],
        ),
    ],
)
def test_a_located_record_says_where_it_begins(
    form: Format, text: str, places: list[tuple[object, int, int]], *, chunk: int, records_max: int
) -> None:
    form = attrs.evolve(form, located=True)
    limits = SourceLimits(batch_records_max=records_max)
    some = Cutter("f", form, limits, parser_for(form, "f"))
    data = text.encode()
    found: list[object] = []

    def drain() -> None:
        while (taken := some.take()) is not None:
            found.extend(taken[0])

    for start in range(0, len(data), chunk):
        some.feed(data[start : start + chunk])
        drain()
    some.finish()
    drain()
    assert found == [Located(record, "f", byte, line) for record, byte, line in places]
