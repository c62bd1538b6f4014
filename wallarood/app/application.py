"""From the ends of streams to a checked application."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from wallarood.app.functions.declared import DeadLetterTo, Declared
from wallarood.app.functions.declaring import policy_of
from wallarood.app.hints import show
from wallarood.app.mistakes import check_name, mistake, mistake_at, place_of
from wallarood.app.setups import Setup, check_setups, check_used
from wallarood.app.streams.joining.waits import check_waits
from wallarood.app.streams.nodes import End, Node
from wallarood.app.streams.stream import Stream
from wallarood.model.pipeline import (
    ERRORS_OUTPUT,
    LATE_LETTERS_OUTPUT,
    LATE_OUTPUT,
    OF_THE_ENGINE,
    Application,
    Computation,
    DeadLetter,
    ErrorPolicy,
    Input,
    Step,
    StepKind,
    Where,
)

NOTHING_RENAMED: Mapping[str, str] = MappingProxyType({})
_WITH_STATE = (StepKind.STATEFUL, StepKind.PARTITIONED)


def application(
    name: str,
    *ends: End,
    setup: Iterable[Setup[Any]] = (),
    was: Mapping[str, str] = NOTHING_RENAMED,
) -> Application:
    """Put streams that have arrived in sinks together, check them, and return the application.

    Steps without a `name` of their own are called as their functions are, with a number if that is
    taken. *setup* lists what `setup` has declared and its functions use. *was* says, for steps that
    have another name now than in the version before, which: ``{"orders": "order-lines"}``. An
    upgrade gives them the state and the positions that they had by then.

    Raises PipelineError: a stream has no sink, a name stands twice, streams wait for each other's
    tables, a function uses a setup that is not listed, or *was* names no step. The message names
    the line.

    >>> import wallarood as w
    >>> copy = w.application("copy", w.source("in", w.ListSource(["a"])).to_sink(w.ListSink([])))
    >>> [step.name for step in copy.steps]
    ['in', 'list-sink']
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise mistake(f"application name {name!r:.120}: expected a string")
    for end in ends:
        if isinstance(end, Stream):
            raise mistake(f"a stream of application {name!r} has no sink: end it with .to_sink(…)")
        if not isinstance(end, End):
            raise mistake(f"application {name!r}: expected ends of streams, found {end!r:.100}")
    if not ends:
        raise mistake(f"application {name!r} has no stream: pass what .to_sink(…) returns")
    nodes = _reachable(ends)
    _check_ends(nodes)
    check_waits(nodes)
    nodes += _dead_letter_nodes(nodes)
    names = _names(nodes)
    steps = tuple(_step(node, names) for node in nodes)
    for node in nodes:
        node.used = True
    made = Application(
        name, steps, _fingerprint(name, steps), check_setups(setup), _renamed(steps, was)
    )
    check_used(made)
    return made


def _renamed(steps: tuple[Step, ...], was: Any) -> tuple[tuple[str, str], ...]:
    """The present and the former name of each. Raises PipelineError: one is no step's name."""
    if not isinstance(was, Mapping):
        raise mistake(f"was={was!r:.100}: expected a mapping of present to former names")
    names = {step.name for step in steps}
    for new, old in was.items():
        if new not in names:
            raise mistake(f"was={{{new!r}: …}}: there is no step of that name in the application")
        check_name(f"the former name of {new}: step", old)
    former = list(was.values())
    for old in former:
        if former.count(old) > 1:
            raise mistake(f"was: two steps cannot both have been {old!r}")
        if old in names and old not in was:
            raise mistake(f"was: {old!r} is a step of the application still")
    return tuple(was.items())


def _reachable(ends: Iterable[End]) -> list[Node]:
    found: dict[int, Node] = {}
    waiting = [node for end in ends for node in end.nodes]
    while waiting:
        node = waiting.pop()
        if node.number not in found:
            found[node.number] = node
            waiting.extend(source for source, _ in node.inputs)
    return [found[number] for number in sorted(found)]


def _check_ends(nodes: list[Node]) -> None:
    known = {node.number for node in nodes}
    for node in nodes:
        if node.kind is StepKind.PARTITIONED and node.declared is None:
            raise mistake_at(
                node.where,
                "nothing is made of the records of these windows: put .aggregate(…), .fold(…) or "
                ".collect() after .window(…)",
            )
        for consumer in node.consumers:
            if consumer.number not in known and not consumer.used:
                raise mistake_at(
                    consumer.where,
                    "this stream has no sink, or its end is not passed to application(…)",
                )
        if node.kind is StepKind.BRANCH:
            used = {
                output
                for consumer in node.consumers
                if consumer.number in known
                for source, output in consumer.inputs
                if source is node
            }
            if used != {0, 1}:
                lost = "refused" if 0 in used else "accepted"
                raise mistake_at(
                    node.where, f"the {lost} records of this branch have no sink; or use .filter"
                )


def _dead_letter_nodes(nodes: list[Node]) -> list[Node]:
    """A sink for each dead-letter policy, after all steps that have it."""
    failing: dict[DeadLetterTo, list[tuple[Node, int]]] = {}
    for node in nodes:
        decides = node.declared if node.kind is not StepKind.SOURCE else node.connector
        for option, output in (("on_error", ERRORS_OUTPUT), ("on_late", LATE_LETTERS_OUTPUT)):
            policy = getattr(decides, option, None)
            if isinstance(policy, DeadLetterTo):
                failing.setdefault(policy, []).append((node, output))
    return [
        Node(
            StepKind.SINK,
            sources[0][0].where,
            list(sources),
            wanted_name="dead-letters",
            given_name=letters.name,
            connector=letters.sink,
            record=DeadLetter,
        )
        for letters, sources in failing.items()
    ]


def _names(nodes: list[Node]) -> dict[int, str]:
    """The name of each node by its number: given ones first, then states, then all others."""
    names: dict[int, str] = {}
    taken: dict[str, Node] = {}
    for node in sorted(nodes, key=_precedence):
        name = node.given_name or node.wanted_name
        if name in taken:
            if _precedence(node) < 2:
                raise mistake_at(
                    node.where,
                    f"the name {name!r} is already used at {taken[name].where}: step names are "
                    "unique; set name=",
                )
            name = _numbered(name, taken)
        names[node.number], taken[name] = name, node
    return names


def _precedence(node: Node) -> int:
    if node.given_name:
        return 0
    return 1 if node.kind in _WITH_STATE else 2


def _numbered(name: str, taken: dict[str, Node]) -> str:
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def _step(node: Node, names: dict[int, str]) -> Step:
    name = names[node.number]
    partitions = 0
    if node.kind is StepKind.PARTITIONED and node.declared is not None:
        partitions = node.declared.partitions
    return Step(
        name,
        node.kind,
        tuple(Input(names[source.number], output) for source, output in node.inputs),
        node.where,
        computation=_computation(node, name),
        connector=node.connector,
        record=node.record,
        key=node.key,
        partitions=partitions,
        stamped=node.stamped,
    )


def _computation(node: Node, name: str) -> Computation | None:
    declared = node.declared
    if declared is None:
        return None
    return Computation(
        name,
        declared.function,
        declared.shape,
        _where(node, declared),
        execution=declared.execution,
        state=declared.state,
        on_error=policy_of(declared.on_error),
        input=node.input,
        output=node.record,
        concurrency=declared.concurrency,
        ordered=declared.ordered,
        threads=declared.threads,
        with_key=declared.with_key,
        aggregations=declared.aggregations,
        schema=declared.schema,
        spec=_spec(node),
        version=declared.version,
        migrate=declared.migrate,
    )


def _spec(node: Node) -> Any:
    """What the step was told; late records go to the stream of them, if the application has it."""
    spec: Any = node.declared.spec if node.declared is not None else None
    wanted = any(each == (node, LATE_OUTPUT) for one in node.consumers for each in one.inputs)
    return attrs.evolve(spec, on_late=ErrorPolicy.STREAM) if wanted else spec


def _where(node: Node, declared: Declared[..., Any]) -> Where:
    """Where the function of a step is, or the step if its function is no function of the author."""
    if declared.shape in OF_THE_ENGINE:
        return node.where
    return place_of(declared.function) or node.where


def _fingerprint(name: str, steps: tuple[Step, ...]) -> tuple[str, ...]:
    """What all workers of a cluster must agree on: a readable line for each fact.

    It is the same in every process: names, kinds, wiring, types of records and keys, partition
    counts, and which sources are watched for partitions. Neither code nor arguments are in it.
    """
    return (f"application {name}", *(_line(step) for step in steps))


def _line(step: Step) -> str:
    facts = [f"{step.kind.value} {step.name}: carries {show(step.record)}"]
    if step.inputs:
        facts.append("from " + ", ".join(f"{each.step}[{each.output}]" for each in step.inputs))
    if step.key is not None:
        facts.append(f"keyed by {show(step.key)}")
    if step.kind is StepKind.PARTITIONED:
        facts.append(f"{step.partitions} partitions")
    if step.computation is not None and step.computation.aggregations:
        kinds = (each.kind.value for each in step.computation.aggregations)
        facts.append(f"aggregates {', '.join(kinds)}")
    if step.stamped:
        facts.append("stamped")
    if step.computation is not None and (
        facts_of := getattr(step.computation.spec, "fingerprint", "")
    ):
        facts.append(facts_of)
    if step.computation is not None and step.computation.version > 1:
        facts.append(f"version {step.computation.version}")
    if step.connector is not None:
        facts.append(type(step.connector).__name__)
    if step.is_watched:
        facts.append("watched")
    return "; ".join(facts)
