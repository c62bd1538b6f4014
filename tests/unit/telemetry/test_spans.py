"""Numbers of traces that all workers agree on, and a bound on what waits to be sent."""

from wallarood.telemetry.spans import WAITING_MAX, Open, Place, Span, Spans


def span(name: str) -> Span:
    return Span(name, Place.new(), None, 1, 2)


def test_all_workers_give_a_trace_of_one_name_the_same_numbers() -> None:
    assert Place.of_name("checkpoint c 1 7") == Place.of_name("checkpoint c 1 7")
    assert Place.of_name("checkpoint c 1 7") != Place.of_name("checkpoint c 1 8")
    assert Place.new() != Place.new()


def test_a_place_travels_as_24_bytes() -> None:
    place = Place(1 << 127 | 5, 1 << 63 | 3)
    assert len(place.to_bytes()) == 24
    assert Place.from_bytes(place.to_bytes()) == place
    assert place.below().trace == place.trace
    assert place.below().span != place.span


def test_a_span_is_as_long_as_the_steady_clock_says() -> None:
    begun = Open("work", Place.new(), 7, {"a": 1})
    done = begun.ended("it failed")
    assert (done.name, done.parent, done.wrong, done.attributes) == (
        "work",
        7,
        "it failed",
        {"a": 1},
    )
    assert 0 <= done.end_ns - done.start_ns < 1_000_000_000


def test_what_waits_is_bounded_and_the_oldest_goes() -> None:
    spans = Spans()
    for number in range(WAITING_MAX + 3):
        spans.add(span(str(number)))
    assert (len(spans.waiting), spans.dropped) == (WAITING_MAX, 3)
    assert [each.name for each in spans.take(2)] == ["3", "4"]


def test_what_could_not_be_sent_is_next_again_as_far_as_there_is_room() -> None:
    spans = Spans()
    for number in range(WAITING_MAX):
        spans.add(span(str(number)))
    taken = spans.take(3)
    spans.add(span("new"))
    spans.put_back(taken)
    assert (len(spans.waiting), spans.dropped) == (WAITING_MAX, 1)
    assert [each.name for each in spans.take(3)] == ["1", "2", "3"]
    assert spans.waiting[-1].name == "new"
    full = Spans()
    for number in range(WAITING_MAX):
        full.add(span(str(number)))
    full.put_back([span("late")])
    assert (full.waiting[0].name, full.dropped) == ("0", 1)
