"""What the query of a request may say: each parameter with its type and its bounds."""

import re
from collections.abc import Mapping
from typing import Any

import attrs

_FORMS = {
    int: re.compile(r"-?\d{1,9}", re.ASCII),
    float: re.compile(r"-?\d{1,9}(\.\d{1,20})?(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE),
}
_CALLED = {str: "some text", int: "a whole number", float: "a number"}
TYPES = {str: "string", int: "integer", float: "number"}
CHARACTERS_MAX = 1024


@attrs.frozen
class Parameter:
    """One parameter. `least` and `most` are bounds of a number, `characters` of a text."""

    help: str
    kind: type = str
    least: float | None = None
    most: float | None = None
    required: bool = False
    characters: int = CHARACTERS_MAX

    @property
    def schema(self) -> dict[str, Any]:
        """As OpenAPI describes it."""
        if self.kind is str:
            return {"type": "string", "minLength": 1, "maxLength": self.characters}
        return {"type": TYPES[self.kind], "minimum": self.least, "maximum": self.most}

    def value_of(self, name: str, text: str) -> Any:
        """What *text* means. Raises ValueError: it means nothing, or is out of bounds."""
        if self.kind is str:
            if not 1 <= len(text) <= self.characters:
                raise ValueError(f"{name}: expected 1 to {self.characters:,} characters")
            return text
        value = self.kind(text) if _FORMS[self.kind].fullmatch(text) else None
        if value is None or not (self.least or 0) <= value <= (self.most or value):
            expected = f"{_CALLED[self.kind]} from {self.least:g} to {self.most:g}"
            raise ValueError(f"{name}={text[:40]}: expected {expected}")
        return value


def values_of(known: Mapping[str, Parameter], query: Mapping[str, str]) -> dict[str, Any]:
    """The values that *query* gives to *known* parameters; what is not known is left out.

    Raises ValueError: one is missing, or wrong.
    """
    missing = [name for name, each in known.items() if each.required and name not in query]
    if missing:
        raise ValueError(f"{missing[0]} is missing: {known[missing[0]].help}")
    return {name: each.value_of(name, query[name]) for name, each in known.items() if name in query}
