"""Versions of a computation's state, and what makes a state of the present one of an older one."""
# Theory of operation
# ===================
# A piece of a checkpoint says by which version of its computation it was written; without a number
# it was the first. A piece of an older version is read the careful way, with a `Stored` object in
# the place of each object of the state's present class: it has the fields that were stored, by
# their names, and the application's own function makes a state of it. Pieces stay as they are in
# the store, so a state is migrated by each restore until it has changed.

from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from wallarood.flow.keys import shown_key
from wallarood.flow.stored.classes import is_heap_type, name_of
from wallarood.model.errors import ApplicationError
from wallarood.model.pipeline import Computation

Migrate = Callable[[Any, int], Any]


class Stored:
    """A state as an older version stored it: its fields are attributes."""

    names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *values: Any, **named: Any) -> None:
        """*values* are those of the stored fields, in their order."""
        vars(self).update(zip(self.names, values, strict=False), **named)

    def __repr__(self) -> str:
        """The fields and their values."""
        return f"Stored({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def stand_in(names: tuple[str, ...]) -> type[Stored]:
    """A class in the place of one whose objects had fields of these *names*."""
    return type("Stored", (Stored,), {"names": names})


@attrs.frozen
class Versions:
    """The present version of a computation's state. *kind* is its class, if it is known.

    `inner` is the name of the attribute that has the author's own state, where the engine keeps it
    in a row of its own.
    """

    version: int = 1
    migrate: Migrate | None = None
    kind: type | None = None
    inner: str = ""

    @classmethod
    def of(cls, computation: Computation, *, inner: str = "") -> "Versions":
        """Those of *computation*."""
        make = computation.state
        kind = make if isinstance(make, type) else None
        return cls(computation.version, computation.migrate, kind, inner)

    @property
    def replaced(self) -> frozenset[str]:
        """The names of the classes of which a migration gets `Stored` objects."""
        kind = self.kind
        if kind is None or not is_heap_type(kind) or issubclass(kind, dict | list | set):
            return frozenset()
        return frozenset((name_of(kind),))

    def check(self, computation: str, stored: int) -> None:
        """Raises ApplicationError: no state of version *stored* can be read."""
        if stored > self.version:
            raise ApplicationError(
                f"the state of computation {computation!r} was stored by its version {stored}, and "
                f"this application has version {self.version}: start the newer application, or go "
                "back to a checkpoint of before (wallarooctl upgrade --back)"
            )

    def migrated(self, computation: str, key: Any, state: Any, *, stored: int) -> Any:
        """The state of the present version. Raises ApplicationError: it cannot be made."""
        assert self.migrate is not None
        old = getattr(state, self.inner) if self.inner else state
        if old is ...:  # a state that was never asked for
            return state
        of = f"the state of computation {computation!r}"
        of = of if key is None else f"{of} for key {shown_key(key):.200}"
        try:
            new = self.migrate(old, stored)
        except Exception as error:
            raise ApplicationError(
                f"{of} cannot be migrated from version {stored} to {self.version}: migrate= raised "
                f"{type(error).__name__}: {error}"
            ) from error
        if self.kind is not None and not isinstance(new, self.kind):
            raise ApplicationError(
                f"{of} cannot be migrated from version {stored} to {self.version}: migrate= "
                f"returned {type(new).__name__}, and the state is {name_of(self.kind)}"
            )
        if not self.inner:
            return new
        setattr(state, self.inner, new)
        return state
