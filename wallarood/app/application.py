"""From the ends of streams to a checked application."""

from collections.abc import Iterable

from wallarood.app.computations import DeadLetterTo, mistake, policy_of
from wallarood.app.hints import show
from wallarood.app.pipeline import End, Node, Stream, dead_letter_node
from wallarood.model.errors import PipelineError
from wallarood.model.pipeline import (
    ERRORS_OUTPUT,
    Application,
    Computation,
    DeadLetter,
    Input,
    Step,
    StepKind,
    Where,
)

_WITH_STATE = (StepKind.STATEFUL, StepKind.PARTITIONED)


def application(name: str, *ends: End) -> Application:
    """Put streams that have arrived in sinks together, check them, and return the application.

    Raises PipelineError: a stream has no sink, a name stands twice, a state has no name, records
    cannot flow from one step into the next. The message names the line.

    >>> import wallarood as w
    >>> w.application("copy", w.source("in", w.ListSource(["a"])).to_sink(w.ListSink([]))).name
    'copy'
    """
    if not name or not isinstance(name, str):
        raise mistake(f"application name {name!r}: expected a text")
    for end in ends:
        if isinstance(end, Stream):
            raise mistake(f"a stream of application {name!r} has no sink: end it with .to_sink(…)")
        if not isinstance(end, End):
            raise mistake(f"application {name!r}: expected ends of streams, found {end!r:.100}")
    if not ends:
        raise mistake(f"application {name!r} has no stream: pass what .to_sink(…) returns")
    nodes = _reachable(ends)
    nodes += _dead_letter_nodes(nodes)
    _check_ends(nodes)
    names = _name(nodes)
    steps = tuple(_step(node, names) for node in nodes)
    return Application(name, steps, _fingerprint(name, steps))


def _reachable(ends: Iterable[End]) -> list[Node]:
    found: dict[int, Node] = {}
    waiting = [node for end in ends for node in end.nodes]
    while waiting:
        node = waiting.pop()
        if node.order not in found:
            found[node.order] = node
            waiting.extend(source for source, _ in node.inputs)
    return [found[order] for order in sorted(found)]


def _dead_letter_nodes(nodes: list[Node]) -> list[Node]:
    failing: dict[int, tuple[DeadLetterTo, list[Node]]] = {}
    for node in nodes:
        if node.declared is not None and isinstance(node.declared.on_error, DeadLetterTo):
            letters = node.declared.on_error
            failing.setdefault(id(letters), (letters, []))[1].append(node)
    return [_letters_sink(*each) for each in failing.values()]


def _letters_sink(letters: DeadLetterTo, failing: list[Node]) -> Node:
    node = dead_letter_node(letters, failing)
    node.record = DeadLetter
    for each in failing:
        each.consumers.remove(node)  # or a second application(…) of the same stream would miss it
    return node


def _check_ends(nodes: list[Node]) -> None:
    known = {node.order for node in nodes}
    for node in nodes:
        for consumer in node.consumers:
            if consumer.order not in known:
                raise _wrong(
                    consumer.where,
                    "this stream has no sink, or its end is not passed to application(…)",
                )
        if node.kind is StepKind.BRANCH:
            used = {
                output
                for consumer in node.consumers
                for source, output in consumer.inputs
                if source is node and output != ERRORS_OUTPUT
            }
            if used != {0, 1}:
                lost = "refused" if 0 in used else "accepted"
                raise _wrong(
                    node.where, f"the {lost} records of this branch have no sink; or use .filter"
                )


def _wrong(where: Where, message: str) -> PipelineError:
    return PipelineError(f"{where}: {message}")


def _name(nodes: list[Node]) -> dict[int, str]:
    names: dict[int, str] = {}
    taken: dict[str, Node] = {}
    given = [node for node in nodes if node.given_name]
    for node in given + [node for node in nodes if not node.given_name]:
        name = node.given_name or node.wanted_name
        if name in taken:
            if node.given_name or node.kind in _WITH_STATE:
                raise _wrong(
                    node.where,
                    f"the name {name!r} stands already at {taken[name].where}: a step has a name "
                    "of its own; set name=",
                )
            name = _numbered(name, taken)
        names[node.order], taken[name] = name, node
    return names


def _numbered(name: str, taken: dict[str, Node]) -> str:
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def _step(node: Node, names: dict[int, str]) -> Step:
    name = names[node.order]
    if node.kind in _WITH_STATE and not name:
        raise _wrong(node.where, "state belongs to a named computation: set name=")
    return Step(
        name,
        node.kind,
        tuple(Input(names[source.order], output) for source, output in node.inputs),
        node.where,
        computation=_computation(node, name),
        connector=node.connector,
        record=node.record,
        key=node.key,
        partitions=node.declared.partitions if node.declared else 0,
    )


def _computation(node: Node, name: str) -> Computation | None:
    declared = node.declared
    if declared is None:
        return None
    code = getattr(declared.function, "__code__", None)
    where = Where(code.co_filename, code.co_firstlineno) if code else node.where
    return Computation(
        name,
        declared.function,
        declared.shape,
        where,
        calling=declared.calling,
        state=declared.state,
        on_error=policy_of(declared.on_error),
        input=node.input,
        output=node.record,
        concurrency=declared.concurrency,
        ordered=declared.ordered,
    )


def _fingerprint(name: str, steps: tuple[Step, ...]) -> tuple[str, ...]:
    return (f"application {name}", *(_line(step) for step in steps))


def _line(step: Step) -> str:
    facts = [f"{step.kind.value} {step.name}: carries {show(step.record)}"]
    if step.inputs:
        inputs = (f"{each.step}[{each.output}]" for each in step.inputs)
        facts.append("from " + ", ".join(inputs))
    if step.key is not None:
        facts.append(f"keyed by {show(step.key)}")
    if step.kind is StepKind.PARTITIONED:
        facts.append(f"{step.partitions} partitions")
    if step.connector is not None:
        facts.append(type(step.connector).__name__)
    return "; ".join(facts)
