"""Plain values with a tag for the type of each."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.record_types import Plain, Word, same

from wallarood.model.errors import RemoteProtocolError
from wallarood.wire.tagged import NotPlainError, decode_tagged, encode_tagged

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(codec=None)),
    st.binary(),
    st.builds(bytearray, st.binary()),
)
hashable = st.integers() | st.text() | st.tuples(st.binary(), st.booleans())
plain = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(hashable, inner)
        | st.sets(hashable)
        | st.frozensets(hashable)
    ),
    max_leaves=8,
)


@given(st.lists(plain, max_size=4))
def test_plain_values_come_out_as_they_went_in(values: list[Any]) -> None:
    assert same(decode_tagged(encode_tagged(values)), values)


@pytest.mark.parametrize("value", [Plain(1), Word("a"), [Plain(1)], {"a": object()}])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(NotPlainError):
        encode_tagged([value])


def test_a_list_in_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotPlainError, match="refers to itself"):
        encode_tagged([value])


@given(st.binary(max_size=50))
def test_any_bytes(data: bytes) -> None:
    try:
        found = decode_tagged(data)
    except RemoteProtocolError:
        return
    assert isinstance(found, list)
