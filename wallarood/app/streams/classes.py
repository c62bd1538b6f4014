"""Which class of stream has the methods that the place of a stream allows, and streams as one."""

from typing import Any

from wallarood.app.mistakes import check_name, mistake, place_of_caller
from wallarood.app.streams.nodes import Node, common_key, common_record, connect
from wallarood.app.streams.outlet import Outlet
from wallarood.model.pipeline import StepKind

CLASSES: dict[StepKind | None, type[Any]] = {}
"""The class of a stream by the kind of step with state that may follow; None: no such step."""


def stream_at(outlet: Outlet) -> Any:
    """A stream of the records of *outlet*, of the class that has the methods they allow."""
    return CLASSES[outlet.kind_with_state](outlet)


def merge_all(streams: tuple[Any, ...], name: str) -> Any:
    """Several streams as one. Raises PipelineError: there are fewer than two, or other objects."""
    for each in streams:
        if not isinstance(each, CLASSES[None]):
            raise mistake(f"merge: expected streams, found {each!r:.100}")
    if len(streams) < 2:
        raise mistake("merge: expected two streams or more")
    if name != "":
        check_name("step", name)
    if len({each._at.node.stamped for each in streams}) > 1:
        raise mistake(
            "merge: some of these streams have event time, and some have not"
            + "".join(
                f"; {each._at.node.lost} takes the time away"
                for each in streams
                if each._at.node.lost
            )
            + ": give each source time=w.event_time(…), or none"
        )
    node = Node(
        StepKind.MERGE,
        place_of_caller(),
        [(each._at.node, each._at.output) for each in streams],
        wanted_name="merge",
        given_name=name,
        record=common_record([each._at.node.record for each in streams]),
        key=common_key([each._at.node.key for each in streams]),
        stamped=streams[0]._at.node.stamped,
        lost=next((each._at.node.lost for each in streams if each._at.node.lost), ""),
        corrects=next((each._at.node.corrects for each in streams if each._at.node.corrects), ""),
    )
    return stream_at(Outlet(connect(node), gathered=all(each._at.gathered for each in streams)))
