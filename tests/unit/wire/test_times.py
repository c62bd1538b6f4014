"""Stamps on the wire: what arrives is what left, and a malformed column is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallarood.model.batch import Batch
from wallarood.model.errors import RemoteProtocolError
from wallarood.wire.records.codec import RecordCodec
from wallarood.wire.records.untyped import PickleRule
from wallarood.wire.times import decode_times, encode_times

TIMES = st.lists(st.integers(-(1 << 63), (1 << 63) - 1))


@given(TIMES, st.binary(max_size=9))
def test_what_arrives_is_what_left_and_the_rest_follows(times: list[int], rest: bytes) -> None:
    assert decode_times(memoryview(encode_times(times) + rest)) == (times, rest)


@given(TIMES.filter(bool), st.integers(1, 8))
def test_a_column_that_is_cut_is_refused(times: list[int], cut: int) -> None:
    with pytest.raises(RemoteProtocolError, match="stamps in"):
        decode_times(memoryview(encode_times(times)[:-cut]))


@given(TIMES, st.booleans())
def test_records_arrive_with_their_stamps(times: list[int], keyed: bool) -> None:
    codec = RecordCodec.for_types(int, rule=PickleRule.ALLOWED)
    values = list(range(len(times)))
    keys = [str(value) for value in values] if keyed else None
    batch = Batch(values, keys, times=times)
    assert codec.decode(codec.encode(batch)) == batch


def test_as_many_stamps_as_records_are_expected() -> None:
    codec = RecordCodec.for_types(int, rule=PickleRule.ALLOWED)
    payload = codec.encode(Batch([1, 2], times=[5]))
    with pytest.raises(RemoteProtocolError, match="1 stamps for 2 records"):
        codec.decode(payload)
