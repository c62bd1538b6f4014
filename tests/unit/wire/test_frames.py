"""Frames come out whole, or their damage is noticed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.model.errors import RemoteProtocolError
from wallarood.wire.frames import HEAD_BYTES, FrameDecoder, encode_frame


@given(st.lists(st.binary(max_size=50), max_size=6), st.randoms(use_true_random=False))
def test_frames_come_out_whole_however_the_bytes_are_cut(
    payloads: list[bytes], rng: random.Random
) -> None:
    data = b"".join(map(encode_frame, payloads))
    decoder, found = FrameDecoder(50), []
    while data:
        size = rng.randrange(1, len(data) + 1)
        found += decoder.feed(data[:size])
        data = data[size:]
    assert found == payloads


def test_a_length_over_the_limit_is_refused_before_memory_is_taken() -> None:
    decoder = FrameDecoder(1000)
    with pytest.raises(RemoteProtocolError, match="at most 1,000"):
        decoder.feed(encode_frame(bytes(1001))[:HEAD_BYTES])


def test_a_flipped_bit_in_a_frame_is_noticed() -> None:
    frame = bytearray(encode_frame(b"payload"))
    frame[-1] ^= 1
    with pytest.raises(RemoteProtocolError, match="checksum"):
        FrameDecoder(100).feed(bytes(frame))
