"""The process that publishes: it counts its steps, and dies at one of them."""

import os
from typing import Any

import pytest
from support.shelf import OnShelf, Shelf

import wallarood as w
from wallarood.testing.connectors.child import Mortal


async def test_each_call_is_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, Any]] = []
    monkeypatch.setattr(os, "kill", lambda *how: killed.append(how))
    shelf = Shelf()
    target = Mortal(OnShelf(shelf, "me"), die_at=3)
    assert await target.marker() == w.Marker()
    assert (target.step, killed) == (2, [])
    await target.apply(["a"], w.Marker(), w.Marker(0, 1))
    assert target.step == 4
    assert [number for number, _ in killed] == [os.getpid()]
    assert shelf.records == ["a"]
