"""Frames of TCP sources and sinks: cut anywhere they come out whole, and too long ones never."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.connectors.framing import (
    payload_of,
    record_frame,
    sequence_of,
    skip_frames,
    take_frames,
)

records = st.lists(st.tuples(st.integers(0, 2**64 - 1), st.binary(max_size=40)), max_size=10)


@given(records, st.integers(1, 30))
def test_frames_come_out_whole_however_the_bytes_are_cut(
    sent: list[tuple[int, bytes]], size: int
) -> None:
    data = b"".join(record_frame(*each) for each in sent)
    buffer, found = bytearray(), []
    for start in range(0, len(data), size):
        buffer += data[start : start + size]
        found += take_frames(buffer, 1000)
    assert [(sequence_of(each), payload_of(each)) for each in found] == sent
    assert not buffer


def test_a_frame_over_the_limit_is_refused_before_it_has_come() -> None:
    with pytest.raises(ValueError, match="a frame of 1,008 bytes, at most 1,000"):
        take_frames(bytearray(record_frame(1, b"x" * 1000)[:4]), 1000)


def test_a_record_without_a_whole_number_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a sequence number of 8 bytes"):
        sequence_of(b"\0" * 7)


@given(st.integers(0, 12), st.binary(max_size=20))
def test_records_up_to_a_number_are_skipped(number: int, torn: bytes) -> None:
    frames = {each: record_frame(each, b"x" * each) for each in range(3, 10)}
    file = io.BytesIO(b"".join(frames.values()) + torn[:11])
    skip_frames(file, number)
    rest = b"".join(data for each, data in frames.items() if each > number)
    assert file.read() == rest + torn[:11]
