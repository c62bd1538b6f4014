"""What is known of a configuration key: what its value looks like, and its bounds."""

from enum import Enum
from typing import Any

import attrs

from wallarood.config.units import show_duration, show_size


class Kind(Enum):
    """What a value looks like in TOML."""

    TEXT = "a string"
    NUMBER = "an integer"
    SWITCH = "true or false"
    DURATION = 'a duration such as "5s"'
    SIZE = 'a size such as "64MiB"'
    ADDRESS = 'an address "HOST:PORT"'
    TEXTS = "a list of strings"
    CHOICE = "one of a few words"


@attrs.frozen
class Key:
    """One configuration key. Bounds are inclusive; *choices* are for CHOICE."""

    section: str
    name: str
    kind: Kind
    default: Any
    help: str
    at_least: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """``section.name``."""
        return f"{self.section}.{self.name}"

    def show(self, value: Any) -> str:
        """*value* as it would stand in TOML; empty for one that has no default."""
        match self.kind, value:
            case _, None:
                return ""
            case Kind.SWITCH, _:
                return "true" if value else "false"
            case Kind.NUMBER, _:
                return str(value)
            case Kind.DURATION, _:
                return f'"{show_duration(value)}"'
            case Kind.SIZE, _:
                return f'"{show_size(value)}"'
            case Kind.TEXTS, _:
                return "[" + ", ".join(f'"{each}"' for each in value) + "]"
            case _:
                return f'"{value}"'
