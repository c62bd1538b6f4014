"""The ways out of a stage: what cannot be sent stays behind, and each use has its own records."""

from typing import Any

import attrs
import pytest

from wallarood.flow.guard import Guard
from wallarood.flow.route import Router
from wallarood.model.batch import Batch, Mark
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import Computation, ErrorPolicy, FunctionShape, Step, StepKind, Where
from wallarood.model.topology import Edge, Routing, Stage, StageKind, Topology
from wallarood.runtime.dataflow.outputs import EdgeOutput, Outputs
from wallarood.wire.copies import Copier
from wallarood.wire.records.codec import RecordCodec
from wallarood.wire.records.untyped import PickleRule, RecordCodecError


@attrs.define
class Encoding:
    """A port that encodes two records at a time, as one to another worker does."""

    codec: RecordCodec
    got: list[Any] = attrs.field(factory=list)

    async def send(self, batch: Batch) -> None:
        for start in range(0, len(batch), 2):
            try:
                payload = self.codec.encode(batch.cut(start, start + 2))
            except RecordCodecError as error:
                error.first = start
                raise
            self.got += self.codec.decode(payload).values

    def mark(self, mark: Mark) -> None:
        """Nothing is marked here."""


@attrs.define
class Changing:
    """A port whose consumer changes the records at once."""

    got: list[Any] = attrs.field(factory=list)

    async def send(self, batch: Batch) -> None:
        for record in batch.values:
            record["seen"] = record.get("seen", 0) + 1
        self.got += batch.values

    def mark(self, mark: Mark) -> None:
        """Nothing is marked here."""


def step(policy: ErrorPolicy) -> Step:
    where = Where("app.py", 3)
    computation = Computation("make", lambda each: each, FunctionShape.ONE, where, on_error=policy)
    return Step("make", StepKind.SIMPLE, (), where, computation)


def edges_to(*ports: Any) -> tuple[EdgeOutput, ...]:
    stages = tuple(
        Stage(place, str(place), StageKind.SIMPLE, (str(place),), "", ("a",))
        for place in range(len(ports) + 1)
    )
    edges = [Edge(n, 0, "0", 0, n + 1, Routing.FORWARD) for n in range(len(ports))]
    topology = Topology(1, "test", ("a",), stages, tuple(edges))
    return tuple(
        EdgeOutput(edge, Router(edge, topology, "a"), {"a": port})
        for edge, port in zip(edges, ports, strict=True)
    )


async def test_what_is_found_while_it_is_encoded_fails_and_nothing_is_sent_twice() -> None:
    codec = RecordCodec.for_types(int, rule=PickleRule.ALLOWED)
    port = Encoding(codec)
    guard = Guard(codec, step(ErrorPolicy.SKIP))
    outputs = Outputs(edges_to(port), {0: guard})
    for _ in range(8):
        await outputs.send(0, Batch([0]), [])
    port.got.clear()
    failures: list[Any] = []
    odd = lambda: 1  # noqa: E731 - a record that cannot be sent
    await outputs.send(0, Batch([1, 2, 3, odd, True, 6]), failures)
    assert port.got == [1, 2, 3, True, 6]
    assert [type(each) for each in port.got].count(bool) == 1
    assert len(failures) == 1


async def test_where_the_policy_is_to_stop_nothing_after_the_record_is_sent() -> None:
    codec = RecordCodec.for_types(int, rule=PickleRule.ALLOWED)
    port = Encoding(codec)
    outputs = Outputs(edges_to(port), {0: Guard(codec, step(ErrorPolicy.STOP))})
    with pytest.raises(ApplicationError, match=r"'make' failed at app.py:3"):
        await outputs.send(0, Batch([1, lambda: 1]), [])
    assert port.got == []


async def test_each_use_of_a_stream_has_its_own_records() -> None:
    first, second = Changing(), Changing()
    outputs = Outputs(edges_to(first, second), {}, {0: Copier.for_type(Any)})
    await outputs.send(0, Batch([{"a": 1}]), [])
    assert first.got == second.got == [{"a": 1, "seen": 1}]
