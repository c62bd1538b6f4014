"""A planted bug that overrides what the code does not have any more would break nothing."""

import inspect

import pytest
from world import planted, planted_changes, planted_founding, planted_replicas

CLASSES = [
    each
    for module in (planted, planted_changes, planted_founding, planted_replicas)
    for _, each in inspect.getmembers(module, inspect.isclass)
    if each.__module__ == module.__name__ and each.__bases__ != (object,)
]


@pytest.mark.parametrize("wrong", CLASSES, ids=lambda each: each.__qualname__)
def test_it_overrides_what_is_there(wrong: type) -> None:
    for name, value in vars(wrong).items():
        if inspect.isfunction(value) or isinstance(value, property):
            assert any(name in vars(base) for base in wrong.__mro__[1:]), name
