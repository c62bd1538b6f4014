"""From the messages of a slot to records: each change once, as far as it counts."""

from collections.abc import Sequence
from typing import Any

import attrs
import msgspec

from wallarood.connectors.postgres.change import PostgresChange
from wallarood.connectors.postgres.changes.pgoutput import (
    UNCHANGED,
    Begin,
    Commit,
    Relation,
    Row,
    Texts,
    Truncate,
    parse,
)
from wallarood.connectors.postgres.changes.place import Place
from wallarood.model.errors import ApplicationError

Key = tuple[str, ...]
Places = tuple[int, ...]


@attrs.define
class Doubtful:
    """A change, at `at` of the records, which some passes have seen and others have not.

    Which has read its keys decides: `old` and `new`, the texts of the key before and after, of the
    columns `names`.
    """

    at: int
    table: str
    xid: int
    old: Key | None
    new: Key | None
    names: tuple[str, ...] = ()


@attrs.define(eq=False)
class Collector:
    """Makes records of the changes of *tables*, or of all if there are none.

    `keys` are the key columns of tables by their names, in the order of the key: the slot tells the
    identity in the order of the table. Where that makes a difference and a table is not there, it
    is `missing`, and `take` must not be called before it is added.
    """

    place: Place
    tables: frozenset[str]
    keys: dict[str, tuple[str, ...]]
    server: str
    records: list[PostgresChange] = attrs.field(factory=list)
    doubtful: list[Doubtful] = attrs.field(factory=list)
    size_bytes: int = 0
    missing: str = ""
    transaction: Begin | None = None
    _relations: dict[int, Relation] = attrs.field(factory=dict)
    _places: dict[int, tuple[int, ...]] = attrs.field(factory=dict)
    _seen: int = 0
    """How many changes of the transaction have come."""

    def take(self, data: bytes) -> None:
        """Take a message. Raises ApplicationError: it does not fit to what was read before."""
        message = parse(data)
        match message:
            case Row() | Truncate():
                self._change(message, len(data))
            case Begin():
                self.transaction, self._seen = message, 0
                if self.place.skip and message.lsn != self.place.commit:
                    raise self._differs(message.lsn)
                if not self.doubtful:  # which still need the passes
                    self.place.forget(message.lsn)
            case Commit(end):
                if self._seen < self.place.skip:
                    raise self._differs(self.place.commit)
                self.transaction = None
                self.place.lsn, self.place.skip, self.place.commit = end, 0, 0
            case Relation():
                self._relations[message.oid] = message
                self._places.pop(message.oid, None)
                if self._counts(message) and not self._knows_key(message):
                    self.missing = message.table

    def _differs(self, lsn: int) -> ApplicationError:
        return ApplicationError(
            f"{self.server}: the transaction at {lsn:X} is not the one of which {self.place.skip} "
            f"changes were read, at {self.place.commit:X}: the server has lost it, or its "
            "publication was changed. Form a new cluster to read the tables from their beginning"
        )

    def _counts(self, relation: Relation) -> bool:
        return not self.tables or relation.table in self.tables

    def _knows_key(self, relation: Relation) -> bool:
        known = self.keys.get(relation.table)
        if relation.is_full:
            return known is not None
        identity = {relation.columns.names[place] for place in relation.identity}
        return len(identity) == 1 or (known is not None and set(known) == identity)

    def _change(self, message: Row | Truncate, size_bytes: int) -> None:
        begun = self.transaction
        assert begun is not None
        self._seen += 1
        if self._seen <= self.place.skip:
            return
        self.place.skip, self.place.commit = self._seen, begun.lsn
        if isinstance(message, Truncate):
            for each in message.relations:
                self._truncate(self._relations[each], begun)
            return
        relation = self._relations[message.relation]
        if self._counts(relation):
            self._row(relation, message, begun)
            self.size_bytes += size_bytes

    def _truncate(self, relation: Relation, begun: Begin) -> None:
        if not self._counts(relation):
            return
        seen = {each.snapshot.sees(begun.xid) for each in self.place.passes_of(relation.table)}
        if seen == {True, False}:
            raise ApplicationError(
                f"{self.server}: table {relation.table!r} was truncated while its rows were read "
                "in two turns, since the first was interrupted: form a new cluster to read it from "
                "its beginning"
            )
        if True not in seen:
            self._add(relation, begun, operation="truncate")

    def _row(self, relation: Relation, row: Row, begun: Begin) -> None:
        places = self._places.get(relation.oid)
        if places is None:
            places = self._places[relation.oid] = self._key_places(relation)
        old, new = row.old, row.new
        if old is not None and new is not None and UNCHANGED in new:
            pairs = zip(old, new, strict=True)
            new = [was if now is UNCHANGED and was is not None else now for was, now in pairs]
        seen = self._is_seen(relation, begun)
        if seen:
            return
        self._tell_schema(relation, begun)
        if seen is None:
            self._doubt(relation, row, begun, places=places)
        names = relation.columns.names
        values = None if new is None else _values(relation, new)
        before = None
        if old is not None:
            before = _values(relation, old)
            if not relation.is_full:
                before = {names[place]: before[names[place]] for place in places}
        of_key = before or {} if values is None else values
        change = PostgresChange(
            relation.table,
            row.operation,
            tuple([of_key.get(names[place]) for place in places]),
            values,
            before,
            _unchanged(relation, new or ()),
            begun.lsn,
            begun.time,
        )
        self.records.append(change)

    def _is_seen(self, relation: Relation, begun: Begin) -> bool | None:
        """Whether a pass has read what the transaction has made of a table; None: it depends."""
        if not self.place.passes:
            return False
        passes = self.place.passes_of(relation.table)
        if not passes or not passes[-1].snapshot.sees(begun.xid):
            return False
        return passes[0].snapshot.sees(begun.xid) or None

    def _doubt(self, relation: Relation, row: Row, begun: Begin, *, places: Places) -> None:
        new = None if row.new is None else _texts(row.new, places)
        old = None if row.old is None else _texts(row.old, places)
        if row.operation == "update" and old is None:
            old = new
        names = tuple(relation.columns.names[place] for place in places)
        at = len(self.records)
        self.doubtful.append(Doubtful(at, relation.table, begun.xid, old, new, names))

    def _key_places(self, relation: Relation) -> tuple[int, ...]:
        """The places of the key, in its order as far as that is known."""
        if not relation.is_full and len(relation.identity) == 1:
            return relation.identity
        names = relation.columns.names
        key = tuple(names.index(name) for name in self.keys[relation.table] if name in names)
        of_others = not relation.is_full and set(key) != set(relation.identity)
        return relation.identity if of_others else key

    def _tell_schema(self, relation: Relation, begun: Begin) -> None:
        sign = relation.columns.sign
        known = self.place.schemas.get(relation.table)
        if known != sign:
            self.place.schemas[relation.table] = sign
            if known is not None:
                self._add(relation, begun, operation="schema", values=relation.columns.types)

    def _add(self, relation: Relation, begun: Begin, **said: Any) -> None:
        change = PostgresChange(relation.table, lsn=begun.lsn, time=begun.time, **said)
        self.records.append(change)


def _texts(row: Texts, places: Places) -> Key:
    return tuple(str(row[place], "utf-8") for place in places)


def _values(relation: Relation, row: Texts) -> dict[str, Any]:
    """The values of a row by name, without those that were not sent."""
    columns = relation.columns
    if UNCHANGED not in row:
        return columns.by_name(row)
    triples = zip(columns.names, columns.decoders, row, strict=True)
    return {
        name: None if text is None else decode(text)
        for name, decode, text in triples
        if text is not UNCHANGED
    }


def _unchanged(relation: Relation, row: Sequence[Any]) -> tuple[str, ...]:
    if UNCHANGED not in row:
        return ()
    return tuple(
        relation.columns.names[place] for place, text in enumerate(row) if text is UNCHANGED
    )


def settled(
    record: PostgresChange, seen: tuple[bool, bool], names: Sequence[str]
) -> PostgresChange | None:
    """What is left of a change of which passes have *seen* the row before it, the one after it.

    *names* are the columns of its key.
    """
    match record.operation:
        case "insert":
            return None if seen[1] else record
        case "delete":
            return None if seen[0] else record
    match seen:
        case (True, True):
            return None
        case (False, True):
            key = tuple((record.old or {})[name] for name in names)
            return msgspec.structs.replace(record, operation="delete", key=key, values=None)
        case (True, False):
            return msgspec.structs.replace(record, operation="insert", old=None)
    return record
