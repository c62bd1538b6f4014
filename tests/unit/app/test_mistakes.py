"""Where a mistake is said to be."""

import functools

import pytest

from wallarood.app.mistakes import check_name, is_step_name, mistake, place_of
from wallarood.model.errors import PipelineError


class Caller:
    def __call__(self, record: int) -> int:
        return record


def plain(record: int) -> int:
    return record


@functools.wraps(plain)
def wrapper(record: int) -> int:
    return plain(record)


def test_a_mistake_names_the_line_that_is_executed() -> None:
    line = test_a_mistake_names_the_line_that_is_executed.__code__.co_firstlineno + 2
    assert str(mistake("no")) == f"{__file__}:{line}: no"


def test_the_place_of_a_function_is_where_its_author_wrote_it() -> None:
    line = plain.__code__.co_firstlineno
    for function in (plain, wrapper, functools.partial(plain)):
        place = place_of(function)
        assert place is not None
        assert (place.file, place.line) == (__file__, line)


def test_the_place_of_a_callable_object_is_its_call() -> None:
    place = place_of(Caller())
    assert place is not None
    assert place.line == Caller.__call__.__code__.co_firstlineno


def test_what_is_not_written_in_python_has_no_place() -> None:
    assert place_of(len) is None
    assert place_of(int) is None
    assert place_of(str.upper) is None


@pytest.mark.parametrize("name", ["lines", "by word", "zähler", "a.b-c_2", "_x", "x" * 100])
def test_names(name: str) -> None:
    assert is_step_name(name)
    assert check_name("step", name) == name


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "-x", "a\nb", "x" * 101, 7, None])
def test_names_that_could_not_be_part_of_a_file_name_are_refused(name: object) -> None:
    with pytest.raises(PipelineError, match="step name"):
        check_name("step", name)
