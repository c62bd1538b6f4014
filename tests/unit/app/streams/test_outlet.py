"""Outlets: what may follow, and what a function may be used as."""

import pytest

import wallarood as w
from wallarood.app.streams.outlet import kebab, shaped
from wallarood.model.pipeline import FunctionShape


@pytest.mark.parametrize(
    ("name", "step"), [("FileSink", "file-sink"), ("TCPSink", "tcpsink"), ("x", "x")]
)
def test_a_class_gives_a_step_its_name(name: str, step: str) -> None:
    assert kebab(name) == step


def test_a_declared_function_takes_the_shape_of_the_method_that_it_is_given_to() -> None:
    @w.computation(on_error="skip")
    def split(line: str) -> list[str]:
        return line.split()

    assert shaped(split, FunctionShape.MANY).shape is FunctionShape.MANY
    assert shaped(split, FunctionShape.MANY).on_error == "skip"
    assert shaped(str.split, FunctionShape.MANY).shape is FunctionShape.MANY


def test_a_declared_function_of_another_shape_or_with_state_is_refused() -> None:
    @w.computation_batch
    def batch(lines: list[str]) -> list[str]:
        return lines

    @w.state_computation(state=list)
    def keep(line: str, state: list[str]) -> str:
        return line

    with pytest.raises(w.PipelineError, match=r"batch is a \w+ computation: pass it to .to"):
        shaped(batch, FunctionShape.ONE)
    with pytest.raises(w.PipelineError, match=r"keep keeps state: pass it to .to"):
        shaped(keep, FunctionShape.ONE)
