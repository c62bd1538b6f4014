"""The place of a stream in the pipeline that is being built, and the steps put after it."""

import re
from collections.abc import Callable
from typing import Any

import attrs

from wallarood.app.aggregations import AggregateOptions, aggregate_record, declare_aggregate
from wallarood.app.functions.declared import LISTS, Declared, OnError
from wallarood.app.functions.declaring import check_function, declare, policy_of
from wallarood.app.functions.timed import place_timed
from wallarood.app.hints import can_be_key, can_flow, function_hints, key_hint, record_types, show
from wallarood.app.mistakes import check_name, mistake, place_of_caller
from wallarood.app.streams.nodes import Node, connect, refuse_corrections, state_kind
from wallarood.model.pipeline import ExecutionMode, FunctionShape, StepKind


@attrs.frozen
class Outlet:
    """An output of a node. `gathered`: all records pass one instance, which may keep one state."""

    node: Node
    output: int = 0
    gathered: bool = False

    def call(
        self,
        function: Callable[..., Any],
        shape: FunctionShape,
        word: str,
        *,
        name: str,
        on_error: OnError | None,
    ) -> "Outlet":
        """Put a step of *shape* after this; it is called *word* if nothing else has a name."""
        return self.through(shaped(function, shape), word, name=name, on_error=on_error)

    def through(
        self, declared: Declared[..., Any], word: str, *, name: str, on_error: OnError | None
    ) -> "Outlet":
        """Put a computation after this. Raises PipelineError: its records do not fit."""
        before, after = record_types(declared.function, declared.shape)
        called = name or declared.name
        kind = state_kind(declared, called, self.kind_with_state)
        if declared.with_key:
            self._check_key(declared, called, kind)
        declared = attrs.evolve(declared, name=declared.name or word)
        node = self.step(kind, declared, before, name=name, on_error=on_error)
        if declared.shape not in (FunctionShape.PREDICATE, FunctionShape.INSPECT):
            node.record = after
        if declared.shape is FunctionShape.TIMED:
            place_timed(node, called)
        if declared.shape in LISTS:
            if kind is StepKind.SIMPLE:
                node.key = None
            if node.stamped:
                node.stamped, node.lost = False, f"{called or word} ({node.where})"
        return Outlet(connect(node), gathered=self.gathered and kind is StepKind.SIMPLE)

    def _check_key(self, declared: Declared[..., Any], called: str, kind: StepKind) -> None:
        """Raises PipelineError: records here have no key, or one of another type."""
        if kind is StepKind.STATEFUL:
            raise mistake(
                f"{called} has a parameter key, but collected records have no key: use "
                ".key_by(…) instead of .collect(), or remove the parameter"
            )
        wanted = key_hint(declared.function)
        if not can_flow(self.node.key, wanted):
            raise mistake(
                f"{called} expects keys of type {show(wanted)}, "
                f"but those of the stream are {show(self.node.key)}"
            )

    @property
    def kind_with_state(self) -> StepKind | None:
        """What kind of step a computation with state would be here; None: there can be none."""
        if self.gathered:
            return StepKind.STATEFUL
        return StepKind.PARTITIONED if self.node.key is not None else None

    def keyed(
        self, function: Callable[..., Any], *, name: str, on_error: OnError | None
    ) -> "Outlet":
        """Give the records keys. Raises PipelineError: what *function* returns cannot be one."""
        declared = shaped(function, FunctionShape.ONE)
        if declared.execution is not ExecutionMode.INLINE:
            raise mistake("key_by: expected a function that neither awaits nor blocks")
        before, key = function_hints(declared.function)
        if not can_be_key(key):
            raise mistake(
                f"{name or declared.name or 'key_by'} returns {show(key)}, which cannot be a key: "
                "expected str, bytes, int, bool, or a tuple or frozen class of these"
            )
        node = self.step(StepKind.KEY_BY, declared, before, name=name, on_error=on_error)
        node.key = key
        return Outlet(connect(node))

    def split(
        self, predicate: Callable[..., Any], *, name: str, on_error: OnError | None
    ) -> tuple["Outlet", "Outlet"]:
        """Split the records: those for which *predicate* is true, and the others."""
        declared = shaped(predicate, FunctionShape.PREDICATE)
        if declared.execution is not ExecutionMode.INLINE:
            raise mistake("branch: expected a predicate that neither awaits nor blocks")
        before = function_hints(declared.function)[0]
        node = self.step(StepKind.BRANCH, declared, before, name=name, on_error=on_error)
        connect(node)
        return Outlet(node, 0, self.gathered), Outlet(node, 1, self.gathered)

    def aggregated(
        self, aggregations: tuple[Any, ...], into: Any, options: AggregateOptions
    ) -> "Outlet":
        """Aggregate the records of each key. Raises PipelineError: they have none."""
        record = self.node.record
        declared = declare_aggregate(aggregations, into, record=record, options=options)
        name, available = options.get("name", ""), self.kind_with_state
        if available is not StepKind.PARTITIONED:
            raise mistake(f"{name or declared.name}: the stream has no key: put .key_by(…) before")
        if not options.get("corrections", False):
            refuse_corrections(self.node, name or declared.name)
        node = self.step(available, declared, Any, name=name, on_error=None)
        node.record = aggregate_record(declared, key=node.key, record=record)
        return Outlet(connect(node))

    def step(
        self,
        kind: StepKind,
        declared: Declared[..., Any],
        before: Any,
        *,
        name: str,
        on_error: OnError | None,
    ) -> Node:
        """A node that calls a function, as if the records passed it unchanged."""
        word = declared.name or kind.value
        if on_error is not None:
            policy_of(on_error)
            declared = attrs.evolve(declared, on_error=on_error)
        if not can_flow(self.node.record, before):
            raise mistake(
                f"{name or word} expects {show(before)}, "
                f"but the stream carries {show(self.node.record)}"
            )
        node = self.plain(kind, word, name)
        node.declared, node.input = declared, before
        return node

    def plain(self, kind: StepKind, word: str, name: str) -> Node:
        """A node that calls no function."""
        if name != "":
            check_name("step", name)
        return Node(
            kind,
            place_of_caller(),
            [(self.node, self.output)],
            wanted_name=word,
            given_name=name,
            record=self.node.record,
            key=self.node.key,
            stamped=self.node.stamped,
            lost=self.node.lost,
            corrects=self.node.corrects,
        )


def shaped(function: Any, shape: FunctionShape) -> Declared[..., Any]:
    """*function* as a computation of *shape*, whatever it was declared as, if it can be one."""
    if not isinstance(function, Declared):
        return declare(function, shape)
    if function.state is not None:
        raise mistake(f"{function.name} keeps state: pass it to .to(…)")
    if function.shape not in (shape, FunctionShape.ONE):
        raise mistake(f"{function.name} is a {function.shape.value} computation: pass it to .to(…)")
    declared = attrs.evolve(function, shape=shape)
    check_function(declared)
    return declared


def kebab(name: str) -> str:
    """A class's name as a step's: ``FileSink`` is ``file-sink``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
