"""Reading states whose classes have changed: by the names of fields, and with a culprit to name."""
# Theory of operation
# ===================
# The unpickler that is written in Python can be told how objects are made and filled. What cannot
# be made becomes a `Lost` object, which takes whatever is put into it; so all else is still read,
# and afterwards each state is searched for what is lost in it. Objects get the fields that they
# were stored with, as far as their classes still have them, and the defaults of new ones.

import io
import pickle
from typing import Any, ClassVar

import attrs

from wallarood.flow.stored.classes import field_names, fill_in, is_plain, put
from wallarood.flow.stored.made import make_struct, put_attributes, put_struct
from wallarood.flow.stored.versions import Stored, stand_in

_Slow: Any = pickle._Unpickler


class CannotTakeError(Exception):
    """A state has an object in it that the present classes cannot take."""


class Lost:
    """In the place of what could not be made."""

    why = ""

    def __new__(cls, *_args: Any, **_options: Any) -> "Lost":
        """Make one of whatever the lost object was made of."""
        return object.__new__(cls)

    def __init__(self, *_args: Any, **_options: Any) -> None:
        """Whatever it was made with."""

    def __setstate__(self, _: Any) -> None:
        """Whatever it had."""

    def __setitem__(self, _key: Any, _value: Any) -> None:
        """Whatever it held."""

    def append(self, _: Any) -> None:
        """Whatever it held."""

    def extend(self, _: Any) -> None:
        """Whatever it held."""

    add = append


def _failed(kind: Any, error: Exception) -> str:
    name = f"{getattr(kind, '__module__', '?')}.{getattr(kind, '__qualname__', kind)}"
    if isinstance(error, ValueError) and error.args and "is new" in str(error):
        return f"class {name}: {error}"
    return (
        f"class {name} does not take what was stored ({type(error).__name__}: {error}): make "
        "it accept that, with defaults for new fields"
    )


class _Careful(_Slow):  # type: ignore[misc]
    dispatch: ClassVar[dict[int, Any]] = dict(_Slow.dispatch)

    def __init__(
        self,
        file: io.BytesIO,
        fields: dict[str, tuple[str, ...]],
        replaced: frozenset[str] | None,
    ) -> None:
        super().__init__(file)
        self._fields, self._replaced = fields, replaced
        self.stored: dict[Any, tuple[str, ...]] = {}
        self.made: list[Any] = []
        self.broken: dict[int, str] = {}
        self.lost: list[str] = []

    def lose(self, why: str) -> type[Lost]:
        """A class that stands for what is lost."""
        self.lost.append(why)
        return type("Lost", (Lost,), {"why": why})

    def find_class(self, module: str, name: str) -> Any:
        stored = f"{module}:{name}"
        if self._replaced is not None and stored in self._replaced:
            return stand_in(self._fields.get(stored, ()))
        try:
            found = super().find_class(module, name)
        except (ImportError, AttributeError) as error:
            if self._replaced is not None:
                return stand_in(self._fields.get(stored, ()))
            return self.lose(
                f"{module}.{name}, of which it has an object, is not there ({error}): give the "
                "class its name back, an alias is enough"
            )
        if isinstance(found, type):
            self.stored[found] = self._fields.get(stored, ())
        return found

    def create(self, kind: Any, arguments: Any, options: dict[str, Any]) -> Any:
        """A new object, as by ``kind.__new__``."""
        names, present = self.stored.get(kind, ()), field_names(kind)
        try:
            if issubclass(kind, Stored):
                made = kind(*arguments)
            elif issubclass(kind, tuple) and names and names != present:
                given = dict(zip(names, arguments, strict=True))
                made = kind(**{n: v for n, v in given.items() if n in (present or ())})
            else:
                made = kind.__new__(kind, *arguments, **options)
        except Exception as error:
            return self.lose(_failed(kind, error))()
        self.made.append(made)
        return made

    def fill_in_all(self) -> None:
        """Give defaults also to those objects that had no attributes at all."""
        for made in self.made:
            kind = type(made)
            if id(made) not in self.broken and is_plain(kind):
                try:
                    fill_in(made, self.stored.get(kind, ()))
                except Exception as error:
                    self.fail(made, error)

    def fail(self, made: Any, error: Exception) -> None:
        """Note that *made* could not be filled, and keep it: it is known by its identity."""
        why = _failed(type(made), error)
        self.broken[id(made)] = why
        self.lost.append(why)
        self.made.append(made)

    def call(self, function: Any, arguments: Any) -> Any:
        """What a function, or a class, makes of its arguments."""
        try:
            if function is put_attributes:
                return self.build(*arguments)
            if function is put_struct and isinstance(arguments[0], Stored):
                return put(*arguments)
            if function is put_struct and not isinstance(arguments[0], Lost):
                return put_struct(*arguments)
            if function is make_struct:
                return self._struct(*arguments)
            if hasattr(function, "__struct_fields__"):
                names = self.stored[function] or field_names(function) or ()
                return self._struct(function, dict(zip(names, arguments, strict=False)))
            if getattr(function, "__module__", "") == "msgspec._utils":
                return self._struct(*arguments)
            return function(*arguments)
        except Exception as error:
            culprit = arguments[0] if function is make_struct else function
            return self.lose(_failed(culprit, error))()

    def _struct(self, kind: Any, values: dict[str, Any]) -> Any:
        if issubclass(kind, Stored):
            return kind(**values)
        return kind(**{name: v for name, v in values.items() if name in kind.__struct_fields__})

    def build(self, made: Any, state: Any) -> None:
        """Fill an object with what it had."""
        kind = type(made)
        stored = self.stored.get(kind, ())
        try:
            if hasattr(made, "__setstate__") and not is_plain(kind):
                made.__setstate__(state)
            else:
                for part in state if isinstance(state, tuple) else (state,):
                    put(made, part or {}, stored=stored)
                fill_in(made, stored)
        except Exception as error:
            self.fail(made, error)


def _load_newobj(self: _Careful) -> None:
    arguments = self.stack.pop()
    self.append(self.create(self.stack.pop(), arguments, {}))


def _load_newobj_ex(self: _Careful) -> None:
    options, arguments = self.stack.pop(), self.stack.pop()
    self.append(self.create(self.stack.pop(), arguments, options))


def _load_reduce(self: _Careful) -> None:
    arguments = self.stack.pop()
    self.stack[-1] = self.call(self.stack[-1], arguments)


def _load_build(self: _Careful) -> None:
    state = self.stack.pop()
    self.build(self.stack[-1], state)


_Careful.dispatch[pickle.NEWOBJ[0]] = _load_newobj
_Careful.dispatch[pickle.NEWOBJ_EX[0]] = _load_newobj_ex
_Careful.dispatch[pickle.REDUCE[0]] = _load_reduce
_Careful.dispatch[pickle.BUILD[0]] = _load_build


class _Finder(pickle.Pickler):
    """Goes through a state and raises at what is lost in it."""

    def __init__(self, broken: dict[int, str]) -> None:
        super().__init__(io.BytesIO(), protocol=5)
        self._broken = broken

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Stored):
            return Stored, (), dict(vars(obj))
        lost = isinstance(obj, Lost) or (isinstance(obj, type) and issubclass(obj, Lost))
        if lost or id(obj) in self._broken:
            raise CannotTakeError(obj.why if lost else self._broken[id(obj)])
        return NotImplemented


@attrs.frozen
class Loaded:
    """What was read, whole or not."""

    value: Any
    _unpickler: Any

    def stored(self, kind: type) -> tuple[str, ...]:
        """The fields that a class had."""
        fields: tuple[str, ...] = self._unpickler.stored.get(kind, ())
        return fields

    def check(self, state: Any) -> None:
        """Raises CannotTakeError: *state* has something in it that could not be taken."""
        if not self._unpickler.lost:
            return
        try:
            _Finder(self._unpickler.broken).dump(state)
        except CannotTakeError:
            raise
        except Exception as error:
            raise CannotTakeError(self._unpickler.lost[0]) from error

    def fail(self, made: Any, error: Exception) -> None:
        """Note that *made* could not be filled."""
        self._unpickler.fail(made, error)


def load_carefully(
    stream: io.BytesIO,
    fields: dict[str, tuple[str, ...]],
    replaced: frozenset[str] | None = None,
) -> Loaded:
    """Read one pickle. *fields* are those of the classes by name, as they were stored.

    Unless *replaced* is None, a `Stored` object stands for each of a class of these names, or of
    one that is not there any longer.
    """
    unpickler = _Careful(stream, fields, replaced)
    value = unpickler.load()
    unpickler.fill_in_all()
    return Loaded(value, unpickler)


def put_together_carefully(body: Any, loaded: Loaded) -> list[Any]:
    """States of what was pickled of them; which of them are not whole, `Loaded.check` says."""
    kind, attributes = body
    if kind is None:
        states: list[Any] = attributes
        return states
    if type(attributes) is list:
        rows = attributes
    else:
        names = list(attributes)
        columns = zip(*attributes.values(), strict=True)
        rows = [dict(zip(names, row, strict=True)) for row in columns]
    made = []
    for row in rows:
        state = kind.__new__(kind) if issubclass(kind, Lost) else object.__new__(kind)
        made.append(state)
        try:
            put(state, row, stored=loaded.stored(kind))
            fill_in(state, loaded.stored(kind))
        except Exception as error:
            loaded.fail(state, error)
    return made
