"""A value is shown as it would stand in TOML."""

from typing import Any

import pytest

from wallarood.config.key import Key, Kind


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (Kind.SWITCH, True, "true"),
        (Kind.NUMBER, 0, "0"),
        (Kind.DURATION, 1.5, '"1.5s"'),
        (Kind.SIZE, 1 << 20, '"1MiB"'),
        (Kind.TEXTS, ("a", "b"), '["a", "b"]'),
        (Kind.CHOICE, "info", '"info"'),
        (Kind.TEXT, None, ""),
    ],
)
def test_a_value_is_shown_as_in_a_file(kind: Kind, value: Any, shown: str) -> None:
    key = Key("section", "name", kind, None, "")
    assert key.full_name == "section.name"
    assert key.show(value) == shown
