"""Mistakes in a declaration that are found before anything runs."""

from collections.abc import Iterator
from typing import Any

import pytest

import wallarood as w
from wallarood.model.errors import PipelineError


class Total:
    count = 0


class Wider(Total):
    """What takes a Total takes it too."""


class Other:
    pass


def total() -> Total:
    return Total()


DECORATORS: dict[str, Any] = {
    "state_computation": w.state_computation,
    "state_computation_multi": w.state_computation_multi,
    "state_computation_batch": w.state_computation_batch,
}


@pytest.mark.parametrize("name", DECORATORS)
def test_a_decorator_with_state_says_how_it_is_written(name: str) -> None:
    with pytest.raises(PipelineError, match=rf"write @w\.{name}\(state=CLASS\)") as found:
        DECORATORS[name](lambda record, _state: record)
    assert str(found.value).startswith(f"{__file__}:")
    with pytest.raises(PipelineError, match="needs a state: write"):
        DECORATORS[name](name="counted")


@pytest.mark.parametrize("state", [int, float, str, bytes, bool, tuple, frozenset, type(None)])
def test_a_state_that_cannot_change_is_refused(state: Any) -> None:
    with pytest.raises(PipelineError, match="its values never change"):
        w.state_computation(state=state, name="kept")(lambda record, _state: record)


@pytest.mark.parametrize("state", [dict, list, set, Total, Wider, total])
def test_a_state_that_can_change_is_taken(state: Any) -> None:
    w.state_computation(state=state, name="kept")(lambda record, _state: record)


def made() -> Other:
    return Other()


@pytest.mark.parametrize("state", [Other, dict, made])
def test_a_state_that_is_hinted_as_another_is_refused(state: Any) -> None:
    def counted(record: int, total: Total) -> int:
        return record + total.count

    with pytest.raises(PipelineError, match="its state is hinted Total, but state="):
        w.state_computation(state=state)(counted)


@pytest.mark.parametrize("state", [Total, Wider, total])
def test_a_state_that_is_hinted_as_it_is_or_more_widely_is_taken(state: Any) -> None:
    def counted(record: int, total: Total) -> int:
        return record + total.count

    w.state_computation(state=state)(counted)


def test_a_text_as_many_results_is_refused() -> None:
    def shouted(line: str) -> str:
        return line.upper()

    with pytest.raises(PipelineError, match=r"return a list\[str\], or use w\.computation"):
        w.computation_multi(shouted)
    with pytest.raises(PipelineError, match="each character would be a record"):
        w.source("lines", w.GeneratorSource(count=1)).flat_map(shouted)


def test_many_results_are_taken() -> None:
    def words(line: str) -> list[str]:
        return line.split()

    def letters(line: str) -> Iterator[str]:
        yield from line

    w.computation_multi(words)
    w.computation_multi(letters)
