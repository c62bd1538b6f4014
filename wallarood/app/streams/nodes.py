"""The steps of a pipeline while it is being built: nodes that know what they come from.

Nodes are numbered as they are declared. An input exists before what it feeds, so the order of
declaration is a topological one, and the same in every process that runs the same application.
"""

import itertools
from typing import Any

import attrs

from wallarood.app.functions.declared import Declared
from wallarood.app.mistakes import mistake
from wallarood.model.pipeline import StepKind, Where

_numbers = itertools.count()


@attrs.define(eq=False)
class Node:
    """A step to be. `wanted_name` may get a number appended, `given_name` may not.

    `input` is the type of the records before, `record` of those after, `key` of their keys: None
    without keys. `stamped`: its records have stamps; `lost` says which step took them away, if one
    did. `corrects` says which windows may emit several results for a key and window, where records
    may be such results, and is empty elsewhere. `used` is whether an application has it, so that
    another may do without.
    """

    kind: StepKind
    where: Where
    inputs: list[tuple["Node", int]]
    wanted_name: str = ""
    given_name: str = ""
    declared: Declared[..., Any] | None = None
    connector: Any = None
    input: Any = Any
    record: Any = Any
    key: Any = None
    stamped: bool = False
    lost: str = ""
    corrects: str = ""
    number: int = attrs.field(factory=lambda: next(_numbers))
    consumers: list["Node"] = attrs.field(factory=list)
    used: bool = False


def connect(node: Node) -> Node:
    """Tell the inputs of *node* that it takes their records."""
    for source, _ in node.inputs:
        source.consumers.append(node)
    return node


@attrs.frozen
class End:
    """A stream that has arrived in its sinks; what `application` takes. Made by `to_sink`.

    >>> import wallarood as w
    >>> end = w.source("numbers", w.ListSource([1, 2])).to_sink(w.ListSink([]))
    >>> isinstance(end, w.End)
    True
    """

    nodes: tuple[Node, ...]


def need_time(node: Node, what: str) -> None:
    """Raises PipelineError: the records of *node* have no stamps, which *what* needs."""
    if node.stamped:
        return
    if node.lost:
        raise mistake(
            f"{what} needs event time, which {node.lost} takes away: a batch computation may "
            "return other records than it gets; put it elsewhere, or use one of single records"
        )
    raise mistake(
        f"{what} needs event time: give the source time=w.event_time(…) or time=w.ingest_time()"
    )


def refuse_corrections(node: Node, what: str) -> None:
    """Raises PipelineError: records of *node* may correct others, and *what* would count both."""
    if node.corrects:
        raise mistake(
            f"{what}: the records are results of {node.corrects}, which has grace= or emit=: there "
            "may be several for one window, and each would count; take these away, or say "
            "corrections=True if that is meant"
        )


def common_record(types: list[Any]) -> Any:
    """The type of records of any of *types*: Any unless they agree."""
    return types[0] if all(each == types[0] for each in types) else Any


def common_key(types: list[Any]) -> Any:
    """The type of keys of any of *types*: None if one stream has none, Any unless they agree."""
    return None if any(each is None for each in types) else common_record(types)


def state_kind(declared: Declared[..., Any], name: str, available: StepKind | None) -> StepKind:
    """What kind of step a computation makes, where state is *available* per key, for all, or not.

    Raises PipelineError: it keeps state but has no name, or no state is available.
    """
    if declared.state is None:
        return StepKind.SIMPLE
    if not name:
        raise mistake("a computation that keeps state needs a name, since its state has: set name=")
    if available is None:
        raise mistake(
            f"{name} keeps state but the stream has no key: put .key_by(…) before it for a state "
            "per key, or .collect() for one state of all records"
        )
    return available
