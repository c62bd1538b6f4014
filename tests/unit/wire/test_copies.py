"""Streams that are used twice have records of their own, where these can be changed."""

from typing import Any

import pytest
from support.record_types import Frozen, Packed, Plain, same

from wallarood.model.batch import Batch
from wallarood.wire.copies import Copier


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, "a"),
        (tuple[str, int | None], ("a", None)),
        (Frozen, Frozen(1, ("a",))),
        (Packed, Packed(1, "a")),
        (Any, "a"),
        (Any, (1, "a")),
    ],
)
def test_what_cannot_be_changed_is_shared(hint: Any, value: Any) -> None:
    batch = Batch([value], ["k"])
    assert all(each is batch for each in Copier.for_type(hint).copies(batch, 3))


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (list[int], [1]),
        (Plain, Plain(1)),
        (Any, {"a": [1]}),
        (Any, ([1],)),
        (str, ["not what the hint says"]),
        (tuple[str, int], (["nor this"], 1)),
    ],
)
def test_what_can_be_changed_is_copied(hint: Any, value: Any) -> None:
    batch = Batch([value, value], ["k", "k"], str, 0)
    first, second = Copier.for_type(hint).copies(batch, 2)
    assert first.values[0] is not second.values[0]
    assert same(first.values, second.values)
    assert (first.keys, first.kind, first.key_index) == (
        second.keys,
        second.kind,
        second.key_index,
    )


def test_what_cannot_be_copied_is_shared() -> None:
    lazy = (n for n in [1])
    for batch in Copier.for_type(Any).copies(Batch([lazy]), 2):
        assert batch.values == [lazy]
