"""What leaves a stage of a test: to whom, and as what it was when it was emitted."""

from typing import Any

import pytest

from wallarood.flow.failures import Failure
from wallarood.flow.route import Router
from wallarood.model.batch import Batch, EndOfStream
from wallarood.model.pipeline import (
    ERRORS_OUTPUT,
    LATE_LETTERS_OUTPUT,
    LATE_OUTPUT,
    DeadLetter,
    ErrorPolicy,
)
from wallarood.model.topology import Edge, Routing, Stage, StageKind, Topology
from wallarood.testing.outlets import Emitted, Outlets
from wallarood.wire.portable import dumps

LETTER = DeadLetter("parse", "ValueError: x", "app.py", 1, "'x'")


def outlets_of(*ways: tuple[str, int]) -> Outlets:
    """Of a stage with an edge for each origin and output, to stages 1, 2, …"""
    edges = tuple(
        Edge(number, 0, origin, output, number + 1, Routing.FORWARD)
        for number, (origin, output) in enumerate(ways)
    )
    stages = tuple(
        Stage(number, f"s{number}", StageKind.SINK, (f"s{number}",), "", ("test",))
        for number in range(len(ways) + 1)
    )
    topology = Topology(1, "app", ("test",), stages, edges)
    routers = {edge.index: Router(edge, topology, "test") for edge in edges}
    return Outlets(edges, routers, {}, {}, {}, {}, [])


def waiting(outlets: Outlets) -> dict[int, list[Any]]:
    """The records that wait for each stage."""
    return {
        target: [value for _, item in items if isinstance(item, Batch) for value in item.values]
        for target, items in outlets.waiting.items()
    }


def test_a_record_that_is_changed_after_it_was_emitted_is_named() -> None:
    records = [{"n": 1}, {"n": 2}]
    emitted = Emitted("stage count", records, dumps(records))
    emitted.compare()
    records[1]["n"] = 3
    with pytest.raises(
        AssertionError, match=r"stage count has changed .* {'n': 2} became {'n': 3}"
    ):
        emitted.compare()


def test_a_batch_goes_to_all_that_follow_the_same_output() -> None:
    outlets = outlets_of(("split", 0), ("split", 1), ("split", 0))
    outlets.send(0, Batch(["a", "b"]), [])
    assert waiting(outlets) == {1: ["a", "b"], 3: ["a", "b"]}
    outlets.mark(EndOfStream())
    assert [len(items) for _, items in sorted(outlets.waiting.items())] == [2, 1, 2]


def test_a_failure_goes_where_the_step_that_failed_leads_to_and_only_if_it_is_put_aside() -> None:
    outlets = outlets_of(("parse", ERRORS_OUTPUT), ("other", ERRORS_OUTPUT))
    outlets.send_failed([Failure(ErrorPolicy.SKIP, LETTER)])
    assert outlets.waiting == {}
    outlets.send_failed([Failure(ErrorPolicy.DEAD_LETTER, LETTER)])
    assert waiting(outlets) == {1: [LETTER]}


def test_what_is_late_goes_as_a_letter_or_as_the_records_themselves() -> None:
    outlets = outlets_of(
        ("parse", ERRORS_OUTPUT), ("parse", LATE_OUTPUT), ("parse", LATE_LETTERS_OUTPUT)
    )
    late = Batch(["x"])
    outlets.send_failed([Failure(ErrorPolicy.DEAD_LETTER, LETTER, "late", late)])
    assert waiting(outlets) == {2: ["x"], 3: [LETTER]}
