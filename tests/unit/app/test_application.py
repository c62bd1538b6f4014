"""Applications: names, order, dead letters, and what is refused when the ends come together."""

import pytest

import wallarood as w
from wallarood.model.pipeline import ERRORS_OUTPUT, ErrorPolicy, Input, StepKind


class Total:
    count = 0


@w.state_computation(state=Total)
def count(_word: str, total: Total) -> int:
    total.count += 1
    return total.count


def by_word(word: str) -> str:
    return word


def upper(line: str) -> str:
    return line.upper()


def lines(name: str = "lines") -> w.Stream:
    return w.source(name, w.ListSource(["to be"], record=str))


def sink() -> w.ListSink:
    return w.ListSink([])


def names(application: w.Application) -> list[str]:
    return [step.name for step in application.steps]


def line_of(error: pytest.ExceptionInfo[w.PipelineError]) -> int:
    return int(str(error.value).removeprefix(f"{__file__}:").partition(":")[0])


def test_steps_come_in_topological_order() -> None:
    one, two = lines("one"), lines("two")
    merged = two.map(upper).merge(one)
    application = w.application("test", merged.to_sink(sink()))
    seen: set[str] = set()
    for step in application.steps:
        assert {each.step for each in step.inputs} <= seen
        seen.add(step.name)
    assert seen == {"one", "two", "upper", "merge", "list-sink"}


def test_a_stream_used_twice_fans_out() -> None:
    stream = lines().map(upper)
    application = w.application("test", stream.to_sink(sink()), stream.to_sink(sink()))
    assert names(application) == ["lines", "upper", "list-sink", "list-sink-2"]
    assert application.step("list-sink-2").inputs == (Input("upper"),)


def test_names_that_nobody_gave_are_numbered() -> None:
    stream = lines().map(lambda line: line).map(lambda line: line).map(upper).map(upper)
    application = w.application("test", stream.to_sinks(sink(), sink()))
    assert names(application) == [
        "lines",
        "map",
        "map-2",
        "upper",
        "upper-2",
        "list-sink",
        "list-sink-2",
    ]


def test_a_given_name_and_a_state_take_precedence() -> None:
    stream = lines().map(upper).map(upper, name="upper-2").map(upper).map(upper)
    application = w.application("test", stream.to_sink(sink(), name="upper"))
    assert names(application) == ["lines", "upper-3", "upper-2", "upper-4", "upper-5", "upper"]

    def before(line: str) -> str:
        return line

    before.__name__ = "count"
    keyed = lines().map(before).key_by(by_word).to(count)
    assert w.application("test", keyed.to_sink(sink())).step("count").kind is StepKind.PARTITIONED


def test_a_given_name_twice_is_refused() -> None:
    stream = lines().map(upper, name="up").map(upper, name="up")
    with pytest.raises(
        w.PipelineError, match=r"the name 'up' is already used at .*set name="
    ) as at:
        w.application("test", stream.to_sink(sink()))
    assert line_of(at) == test_a_given_name_twice_is_refused.__code__.co_firstlineno + 1


def test_a_state_twice_is_refused_unless_it_is_given_another_name() -> None:
    keyed = lines().key_by(by_word)
    first, second = keyed.to(count), keyed.to(count)
    with pytest.raises(w.PipelineError, match="the name 'count' is already used"):
        w.application("test", first.to_sink(sink()), second.to_sink(sink()))
    keyed = lines().key_by(by_word)
    application = w.application(
        "test", keyed.to(count).to_sink(sink()), keyed.to(count, name="again").to_sink(sink())
    )
    assert {"count", "again"} <= set(names(application))


def test_a_stream_without_sink_is_refused() -> None:
    stream = lines()
    lost = stream.map(upper)
    with pytest.raises(w.PipelineError, match="this stream has no sink") as at:
        w.application("test", stream.to_sink(sink()))
    assert line_of(at) == test_a_stream_without_sink_is_refused.__code__.co_firstlineno + 2
    with pytest.raises(w.PipelineError, match=r"has no sink: end it with \.to_sink"):
        w.application("test", lost)  # type: ignore[arg-type]


def test_an_end_that_is_not_passed_is_refused() -> None:
    stream = lines()
    stream.map(upper).to_sink(sink())
    with pytest.raises(w.PipelineError, match=r"its end is not passed to application\(…\)"):
        w.application("test", stream.to_sink(sink()))


def test_a_stream_may_be_used_in_two_applications() -> None:
    stream = lines()
    first = w.application("first", stream.map(upper).to_sink(sink()))
    second = w.application("second", stream.map(len).to_sink(sink()))
    assert names(first) == ["lines", "upper", "list-sink"]
    assert names(second) == ["lines", "len", "list-sink"]


def test_half_a_branch_without_sink_is_refused() -> None:
    good, _ = lines().branch(bool)
    with pytest.raises(w.PipelineError, match="the refused records of this branch have no sink"):
        w.application("test", good.to_sink(sink()))
    _, bad = lines().branch(bool)
    with pytest.raises(w.PipelineError, match="the accepted records of this branch have no sink"):
        w.application("test", bad.to_sink(sink()))


def test_an_application_needs_a_name_and_an_end() -> None:
    with pytest.raises(w.PipelineError, match="has no stream"):
        w.application("test")
    for name in ("", "  ", "a\nb", None):
        with pytest.raises(w.PipelineError, match="application name"):
            w.application(name, lines().to_sink(sink()))  # type: ignore[arg-type]
    with pytest.raises(w.PipelineError, match="expected ends of streams, found 7"):
        w.application("test", 7)  # type: ignore[arg-type]


def test_one_dead_letter_sink_may_serve_several_computations() -> None:
    lost = w.dead_letter(sink())
    stream = lines().map(int, name="parse", on_error=lost).map(lambda n: 1 / n, on_error=lost)
    application = w.application("test", stream.to_sink(sink()))
    letters = application.step("dead-letters")
    assert letters.kind is StepKind.SINK
    assert letters.inputs == (Input("parse", ERRORS_OUTPUT), Input("map", ERRORS_OUTPUT))
    assert letters.record is w.DeadLetter
    parse = application.step("parse").computation
    assert parse is not None
    assert parse.on_error is ErrorPolicy.DEAD_LETTER


def test_two_dead_letter_sinks_stay_apart_even_if_equal() -> None:
    target = sink()
    stream = lines().map(int, on_error=w.dead_letter(target))
    stream = stream.map(str, on_error=w.dead_letter(target)).map(
        upper, on_error=w.dead_letter(target, name="late")
    )
    application = w.application("test", stream.to_sink(sink()))
    assert names(application)[-3:] == ["dead-letters", "dead-letters-2", "late"]


def test_building_twice_from_the_same_ends_gives_the_same() -> None:
    lost = w.dead_letter(sink())
    end = lines().map(int, on_error=lost).to_sink(sink())
    assert w.application("test", end) == w.application("test", end, end)


def test_on_error_at_the_step_overrides_that_of_the_computation() -> None:
    parse = w.computation(on_error="skip")(int)
    stream = lines().to(parse, name="one").map(str).to(parse, name="two", on_error="stop")
    application = w.application("test", stream.to_sink(sink()))
    policies = [each.computation.on_error for each in application.steps if each.computation]
    assert policies == [ErrorPolicy.SKIP, ErrorPolicy.STOP, ErrorPolicy.STOP]


def test_a_computation_knows_where_its_function_is() -> None:
    application = w.application("test", lines().map(upper).map(len).to_sink(sink()))
    mine, builtin = application.step("upper").computation, application.step("len").computation
    assert mine is not None
    assert builtin is not None
    assert mine.where.line == upper.__code__.co_firstlineno
    assert (
        builtin.where.line
        == test_a_computation_knows_where_its_function_is.__code__.co_firstlineno + 1
    )
