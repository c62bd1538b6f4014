"""The public names are found where they are said to be."""

import importlib

import pytest

import wallarood
from wallarood.names import WHERE


def test_each_is_in_its_module() -> None:
    assert set(WHERE) == set(wallarood.__all__)
    for name, (module, called) in WHERE.items():
        assert getattr(wallarood, name) is getattr(importlib.import_module(module), called)


def test_others_are_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        wallarood.nonsense  # noqa: B018
