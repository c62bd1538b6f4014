"""What the SDK sends is what was meant: decoded by a real receiver, over HTTP and over gRPC."""

from collections.abc import Iterator

import pytest
from support.clusters import full_status
from support.servers.otlp import Collector as Receiver
from support.servers.otlp import Manner, collector_over_grpc, collector_over_http

from wallarood.telemetry.otlp import Collector
from wallarood.telemetry.points import Series
from wallarood.telemetry.settings import Protocol, TelemetrySettings
from wallarood.telemetry.spans import Place, Span

PLACE = Place(0x0123456789ABCDEF0123456789ABCDEF, 0x0123456789ABCDEF)
SPAN = Span(
    "write", PLACE, 7, 1_000, 2_500, {"wallarood.round": 3}, "abandoned", ((1_500, "a note"),)
)


@pytest.fixture(params=list(Protocol))
def both(request: pytest.FixtureRequest) -> Iterator[tuple[Receiver, Collector]]:
    protocol: Protocol = request.param
    make = collector_over_http if protocol is Protocol.HTTP else collector_over_grpc
    with make() as receiver:
        settings = TelemetrySettings(
            receiver.endpoint,
            protocol,
            headers=(("Authorization", "Bearer s3cret"),),
            attributes={"service.name": "wallarood", "service.instance.id": "alpha"},
        )
        yield receiver, Collector(settings, 5.0)


def test_a_span_arrives_with_all_that_it_says(both: tuple[Receiver, Collector]) -> None:
    receiver, sends = both
    assert sends.send_spans([SPAN, Span("first", Place.new(), None, 1, 2)])
    span, first = receiver.spans
    assert (span.name, span.worker) == ("write", "alpha")
    assert span.trace.hex() == "0123456789abcdef0123456789abcdef"
    assert (span.span.hex(), span.parent.hex()) == ("0123456789abcdef", "0000000000000007")
    assert (span.start_ns, span.end_ns) == (1_000, 2_500)
    assert (span.attributes, span.wrong) == ({"wallarood.round": 3}, "abandoned")
    assert span.notes == ("a note",)
    assert first.parent == b""
    assert receiver.headers[0]["authorization"] == "Bearer s3cret"


def test_points_arrive_with_their_kinds_units_and_times(both: tuple[Receiver, Collector]) -> None:
    receiver, sends = both
    assert sends.send_points(Series(1_000).of(full_status(), 5_000))
    memory = receiver.last("wallarood_memory_bytes", "alpha")
    assert memory is not None
    assert (memory.kind, memory.unit) == ("gauge", "By")
    committed = receiver.last("wallarood_checkpoints", "alpha", outcome="committed")
    assert committed is not None
    assert (committed.kind, committed.since_ns, committed.at_ns) == ("sum", 1_000, 5_000)
    delivery = receiver.last("wallarood_delivery_seconds", "alpha")
    assert delivery is not None
    assert (delivery.kind, delivery.value) == ("histogram", sum(full_status().delivery.counts))


def test_what_is_refused_is_not_taken_and_the_reason_is_known(
    both: tuple[Receiver, Collector], capfd: pytest.CaptureFixture[str]
) -> None:
    receiver, sends = both
    receiver.manner = Manner.REFUSES
    assert not sends.send_spans([SPAN])
    assert "ailed to export" in sends.problem
    said = capfd.readouterr()
    assert said.out + said.err == "", "who sends says it, once"


def test_one_that_is_away_is_not_waited_for_beyond_the_time_of_a_request() -> None:
    settings = TelemetrySettings("http://127.0.0.1:9", attributes={"service.instance.id": "a"})
    sends = Collector(settings, 0.2)
    assert not sends.send_spans([SPAN])
    assert sends.problem
