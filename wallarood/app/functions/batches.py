"""Declaring computations that get many records at once: with state, and as Arrow columns."""

import importlib
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from wallarood.app.functions.declared import Declared, Decorator, Lists, Rows, StateDecorator
from wallarood.app.functions.declaring import (
    BatchOptions,
    StateOptions,
    check_known,
    declare,
    declare_with_state,
)
from wallarood.app.mistakes import mistake, needs_state
from wallarood.model.pipeline import FunctionShape

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


class ArrowOptions(BatchOptions, total=False):
    """What `computation_arrow` may be told. `schema` is a ``pyarrow.Schema``."""

    schema: Any


@needs_state
def state_computation_batch(
    *, state: Callable[[], S], **options: Unpack[StateOptions]
) -> StateDecorator[S, Lists]:
    """As `state_computation`, for a function from a list of records to a list of records.

    After `key_by` it gets all records of one key that came in a batch, in their order, and the
    state of that key, which the results keep as theirs; after `collect`, all records of the batch.
    How many records come at once is up to the engine. When the function raises, `on_error`
    decides about the whole list.

    Raises PipelineError: an option is wrong, or the function does not take a list and a state.

    >>> import wallarood as w
    >>> class Highest:
    ...     price = 0
    >>> @w.state_computation_batch(state=Highest)
    ... def records(prices: list[int], highest: Highest) -> list[int]:
    ...     before, highest.price = highest.price, max(highest.price, *prices)
    ...     return [highest.price] if highest.price > before else []
    >>> records([3, 5], Highest())
    [5]
    """
    return declare_with_state(FunctionShape.BATCH, state, options)


@overload
def computation_arrow(function: Callable[P, R], /) -> Declared[P, R, Rows]: ...
@overload
def computation_arrow(**options: Unpack[ArrowOptions]) -> Decorator[Rows]: ...
def computation_arrow(function: Any = None, /, **options: Any) -> Any:
    """A computation from a ``pyarrow.RecordBatch`` to another, or to a ``pyarrow.Table``.

    Records that come are dicts, of which the keys name the columns; tuples, whose items `schema`
    names; objects of one attrs class or dataclass; or plain values, in a column "value". `schema`
    (``pyarrow.Schema``) says the types of the columns, which else follow from the records. Each
    row that the function returns continues as a dict. How many rows come at once is up to the
    engine; keys are lost. When the function raises, or records do not fit into columns, `on_error`
    decides about the whole batch. Further options are `name` and `blocking`, as for `computation`.

    Raises PipelineError: pyarrow is missing (install ``wallarood[arrow]``), or an option is wrong.

    >>> import pyarrow.compute as pc
    >>> import wallarood as w
    >>> @w.computation_arrow
    ... def dear(orders):
    ...     return orders.filter(pc.field("price") > 100)
    >>> orders = w.source("orders", w.FileSource("orders.jsonl", format="json")).to(dear)
    """
    _check_installed()
    if function is not None:
        return declare(function, FunctionShape.ARROW, **options)
    check_known(options, ArrowOptions)
    _check_schema(options.get("schema"))
    return lambda function: declare(function, FunctionShape.ARROW, **options)


def _check_installed() -> None:
    try:
        importlib.import_module("pyarrow")
    except ImportError as error:
        raise mistake(
            f"computation_arrow needs pyarrow ({error}): pip install 'wallarood[arrow]'"
        ) from error


def _check_schema(schema: Any) -> None:
    if schema is not None and not isinstance(schema, importlib.import_module("pyarrow").Schema):
        raise mistake(f"schema={schema!r:.100}: expected a pyarrow.Schema")
