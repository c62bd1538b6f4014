"""Streams that wait for tables: no two may wait for each other."""
# Theory of operation
# ===================
# While a stream waits for a table, its sources stand still, for all that they feed. So a source of
# the stream waits for every source of the table, and if waiting leads back to where it began,
# nothing ever goes on.

from collections import defaultdict
from collections.abc import Iterable

from wallarood.app.mistakes import mistake_at
from wallarood.app.streams.nodes import Node
from wallarood.model.pipeline import FunctionShape, StepKind


def sources_of(node: Node) -> set[Node]:
    """The sources that the records of *node* come from."""
    found: set[Node] = set()
    waiting, seen = [node], {node}
    while waiting:
        each = waiting.pop()
        if each.kind is StepKind.SOURCE:
            found.add(each)
        fresh = {source for source, _ in each.inputs} - seen
        seen |= fresh
        waiting += fresh
    return found


def check_waits(nodes: Iterable[Node]) -> None:
    """Raises PipelineError: streams wait for tables whose sources wait for the same streams."""
    awaited: dict[Node, set[Node]] = defaultdict(set)
    for node in nodes:
        if not _waits(node):
            continue
        (stream, _), (table, _) = node.inputs
        streams, tables = sources_of(stream), sources_of(table)
        if not all(each.connector.bounded for each in tables):
            continue
        for each in streams:
            awaited[each] |= tables
        stuck = _behind(tables, awaited) & streams
        if stuck:
            names = ", ".join(sorted(repr(each.given_name) for each in stuck))
            raise mistake_at(
                node.where,
                f"enrich: the stream, from source {names}, waits until the table has been read, "
                "and the table's sources wait in another enrich, in the end for that source: "
                "read one of the tables by a source of its own",
            )


def _waits(node: Node) -> bool:
    declared = node.declared
    if declared is None or declared.shape is not FunctionShape.ENRICH:
        return False
    return not declared.spec.at_event


def _behind(sources: set[Node], awaited: dict[Node, set[Node]]) -> set[Node]:
    """*sources* and all that these wait for."""
    found, waiting = set(sources), list(sources)
    while waiting:
        fresh = awaited.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return found
