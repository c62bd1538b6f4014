"""Records as rows of a table: which field goes into which column."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import attrs

from wallarood.connectors.text.fields import names_of, values_of
from wallarood.model.errors import ApplicationError

SHOWN = 100


@attrs.frozen
class Columns:
    """The names of columns, in order; `named` is how errors call the connector.

    A record is a tuple or list with a value for each column in this order; or a dict, or an object
    with fields (attrs, dataclass, Struct, named tuple, pydantic), which has one of each name.
    """

    named: str
    names: tuple[str, ...]

    def rows(self, records: Sequence[Any]) -> list[tuple[Any, ...]]:
        """A row of each record. Raises ApplicationError: one does not fit."""
        kinds = set(map(type, records))
        if len(kinds) == 1:
            kind: Any = kinds.pop()
            if kind is tuple:
                return self._of_sequences(records)
            if issubclass(kind, Mapping) and len(self.names) > 1:
                try:
                    return list(map(itemgetter(*self.names), records))
                except KeyError:
                    pass  # which one it is, is found below
            elif set(self.names) <= set(names_of(kind) or ()):
                return list(map(values_of(self.names), records))
        return list(map(self._row, records))

    def _of_sequences(self, records: Sequence[Any]) -> list[tuple[Any, ...]]:
        if set(map(len, records)) - {len(self.names)}:
            wrong = next(each for each in records if len(each) != len(self.names))
            raise self._error(wrong, f"has {len(wrong)} values, not {len(self.names)}")
        return list(records)

    def _row(self, record: Any) -> tuple[Any, ...]:
        if isinstance(record, Mapping):
            missing = [name for name in self.names if name not in record]
            if missing:
                raise self._error(record, f"has no {missing[0]!r}")
            return tuple(record[name] for name in self.names)
        kind: Any = type(record)
        fields = names_of(kind)
        if fields is not None:
            missing = [name for name in self.names if name not in fields]
            if missing:
                raise self._error(record, f"has no field {missing[0]!r}")
            return values_of(self.names)(record)
        if isinstance(record, tuple | list):
            if len(record) != len(self.names):
                raise self._error(record, f"has {len(record)} values, not {len(self.names)}")
            return tuple(record)
        if len(self.names) == 1:
            return (record,)
        raise self._error(record, "is neither a tuple, nor a dict, nor an object with fields")

    def _error(self, record: Any, what: str) -> ApplicationError:
        return ApplicationError(
            f"{self.named}: record {repr(record)[:SHOWN]} {what}: expected the columns "
            f"{', '.join(self.names)}"
        )


def columns_of(named: str, names: Sequence[str]) -> Columns:
    """Raises ApplicationError: *names* are no names of columns."""
    if isinstance(names, str) or not names or not all(isinstance(each, str) for each in names):
        raise ApplicationError(f"{named}: columns={names!r}: expected a list of names")
    twice = [each for each in names if list(names).count(each) > 1]
    if twice:
        raise ApplicationError(f"{named}: columns has {twice[0]!r} twice")
    return Columns(named, tuple(names))
