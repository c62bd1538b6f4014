"""Nodes: what several streams have in common, and where state may be kept."""

from typing import Any

import pytest

import wallarood as w
from wallarood.app.functions.declaring import declare
from wallarood.app.streams.nodes import common_key, common_record, state_kind
from wallarood.model.pipeline import FunctionShape, StepKind


@pytest.mark.parametrize(
    ("types", "record", "key"),
    [
        ([int, int], int, int),
        ([int, str], Any, Any),
        ([int, None], Any, None),
        ([None, None], None, None),
    ],
)
def test_streams_that_agree_keep_their_type_and_one_without_keys_takes_them(
    types: list[Any], record: Any, key: Any
) -> None:
    assert common_record(types) == record
    assert common_key(types) == key


def test_state_needs_a_name_and_a_place() -> None:
    def count(record: int, state: list[int]) -> int:
        return record

    stateful = declare(count, FunctionShape.ONE, state=list)
    assert state_kind(declare(int, FunctionShape.ONE), "", None) is StepKind.SIMPLE
    for available in (StepKind.PARTITIONED, StepKind.STATEFUL):
        assert state_kind(stateful, "count", available) is available
    with pytest.raises(w.PipelineError, match="the stream has no key: put"):
        state_kind(stateful, "count", None)
    with pytest.raises(w.PipelineError, match="needs a name"):
        state_kind(stateful, "", StepKind.PARTITIONED)
