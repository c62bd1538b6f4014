"""Every key takes values of its kind, and its own default."""

from typing import Any

import pytest
import tomli

from wallarood.config.key import Kind
from wallarood.config.keys import KEYS
from wallarood.config.load import value_of

WRONG: dict[Kind, list[Any]] = {
    Kind.TEXT: [1, True, ["a"], None],
    Kind.NUMBER: ["1", 1.0, True, None],
    Kind.SWITCH: ["true", 1, 0, None],
    Kind.DURATION: [5, "5", "5 parsec", "s", "-1s", True],
    Kind.SIZE: [5, "5", "5MB", "KiB", "-1B"],
    Kind.ADDRESS: [7700, "host", "host:", "host:99999", ":1", "::1:7", "host:-1"],
    Kind.TEXTS: ["a", [1], None],
    Kind.CHOICE: [1, "none of them", True],
}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.full_name)
def test_every_key_refuses_every_other_type(key: Any) -> None:
    for raw in WRONG[key.kind]:
        with pytest.raises((ValueError, Exception), match="expected"):
            value_of(key, raw)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.full_name)
def test_every_default_can_be_written_and_read_back(key: Any) -> None:
    if key.default is not None:
        raw = tomli.loads(f"x = {key.show(key.default)}")["x"]
        assert value_of(key, raw) == key.default
