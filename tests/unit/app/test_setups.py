"""Setups: what is declared, what is refused, and what a function gets that calls one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

import wallarood as w


@w.setup
def prices() -> dict[str, int]:
    """What things cost."""
    return {"tea": 3}


def price(item: str) -> int:
    return prices()[item]


def end(function: Any = price) -> w.End:
    return w.source("items", w.ListSource([])).map(function).to_sink(w.ListSink([]))


def test_a_setup_keeps_name_and_docstring_of_its_function() -> None:
    assert (prices.name, prices.__doc__, repr(prices)) == (
        "prices",
        "What things cost.",
        "<setup prices>",
    )


def test_one_that_is_not_open_says_how_it_is_opened() -> None:
    with pytest.raises(w.ApplicationError, match=r"prices is not open: .*setup=\[prices\]"):
        prices()


def test_a_value_takes_its_place_for_a_test_and_no_longer() -> None:
    with prices.using({"tea": 4}), prices.using({"tea": 5}):
        assert price("tea") == 5
    with pytest.raises(w.ApplicationError):
        prices()


def test_an_application_lists_its_setups_in_order() -> None:
    other = w.setup(blocking=True)(lambda: 1)
    app = w.application("a", end(), setup=[other, prices])
    assert app.setups == (other, prices)
    assert other.blocking is True


def test_a_function_that_uses_one_that_is_not_listed_is_found_when_the_pipeline_is_built() -> None:
    with pytest.raises(w.PipelineError, match=r"price uses prices, .*setup=\[prices\]"):
        w.application("a", end())


def test_it_is_found_in_a_closure_too() -> None:
    local = w.setup(lambda: 1)

    def uses_it(record: int) -> int:
        return record + local()

    with pytest.raises(w.PipelineError, match="uses_it uses"):
        w.application("a", end(uses_it))


async def generated() -> AsyncIterator[int]:
    yield 1


WRONG = {
    "no function": (lambda: w.setup(3), "expected a function without arguments, found 3"),  # type: ignore[call-overload]
    "arguments": (lambda: w.setup(price), "expected a function without arguments"),  # type: ignore[arg-type]
    "blocking coroutine": (lambda: w.setup(blocking=True)(generated), "cannot be blocking"),
    "blocking text": (lambda: w.setup(blocking="yes"), "blocking='yes'"),  # type: ignore[call-overload]
    "not a list": (lambda: w.application("a", end(), setup=prices), r"expected a list: setup="),  # type: ignore[arg-type]
    "a function": (lambda: w.application("a", end(), setup=[price]), "expected what @w.setup"),  # type: ignore[list-item]
    "twice": (lambda: w.application("a", end(), setup=[prices, prices]), "listed twice"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_mistakes_are_named(mistake: str) -> None:
    make, text = WRONG[mistake]
    with pytest.raises(w.PipelineError, match=text):
        make()
