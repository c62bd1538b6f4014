"""What the methods of a stream take, and the pair of streams that a branch makes."""

from typing import Generic, NamedTuple, TypedDict, TypeVar

from wallarood.app.functions.declared import OnError

S_co = TypeVar("S_co", covariant=True)


class StepOptions(TypedDict, total=False):
    """What every method that takes a function also takes."""

    name: str
    on_error: OnError | None


class Branch(NamedTuple, Generic[S_co]):
    """The two streams that a predicate splits a stream into; S is what it was before.

    >>> import wallarood as w
    >>> numbers = w.source("numbers", w.ListSource([1, 2, 3]))
    >>> odd, even = numbers.branch(lambda number: number % 2)
    >>> isinstance(odd, w.Stream)
    True
    """

    accepted: S_co
    refused: S_co
