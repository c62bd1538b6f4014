"""State that has no end, written out where it is meant."""

from typing import Any, Final

import attrs

from wallarood.app.mistakes import mistake
from wallarood.app.spans import Span, span_us


@attrs.frozen
class Forever:
    """The type of `forever`."""

    def __repr__(self) -> str:
        return "w.forever"


forever: Final = Forever()
"""In the place of a span: what is kept is never forgotten. Memory and checkpoints grow with it."""


def bound_us(bound: Span | Forever | Any, what: str) -> int | None:
    """The microseconds of *bound*, which is the argument *what*; None for `forever`.

    Raises PipelineError: it is neither a span nor `forever`, or it is not longer than nothing.
    """
    if isinstance(bound, Forever):
        return None
    if bound is None:
        raise mistake(f"{what}=None: expected a span such as '1h', or w.forever to keep everything")
    return span_us(bound, what)
