"""What `wallarooctl tap` and `state` make of the answers of all workers."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from wallarood.admin import client
from wallarood.cli.ctl import command, main, peeking


def chosen(*arguments: str) -> argparse.Namespace:
    return command.parser().parse_args(arguments)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is asked; alpha has two, beta cannot, gamma is silent."""
    seen: list[Any] = []

    def of_all(_: Path, target: str, *, timeout_s: float, **parameters: str) -> Any:
        seen.append((target, parameters))
        found = {
            "tap": [{"key": None, "record": "1"}, {"key": "'k'", "record": "2"}],
            "state": [{"value": "[1]"}, {"value": "[2]", "bucket": "(0, 10)"}],
            "keys": [{"key": "a", "bytes": 5}, {"key": "b", "bytes": 9}],
            "slots": [{"first": 0, "last": 3, "keys": 1}, {"first": 4, "last": 7, "keys": 3}],
        }[target]
        return {"workers": {"alpha": found, "beta": {"error": "not here"}}, "silent": ["gamma"]}

    monkeypatch.setattr(client, "of_all", of_all)
    return seen


def test_records_are_shown_with_their_workers_and_who_has_not_answered(asked: list[Any]) -> None:
    value, text = peeking.tap(Path("x"), chosen("tap", "count", "--key", "k", "--count", "2"))
    assert asked == [("tap", {"stage": "count", "count": "2", "seconds": "2.0", "key": "k"})]
    assert [each["worker"] for each in value] == ["alpha", "alpha"]
    assert text.splitlines() == [
        "alpha  1",
        "alpha  'k'  2",
        "beta: not here",
        "no answer from gamma",
    ]


def test_the_state_of_a_key_is_shown_for_each_bucket(asked: list[Any]) -> None:
    _, text = peeking.state(Path("x"), chosen("state", "get", "count", "a"))
    assert text.splitlines()[:2] == ["alpha  [1]", "alpha  (0, 10)  [2]"]


def test_the_largest_keys_come_first(asked: list[Any]) -> None:
    value, text = peeking.state(Path("x"), chosen("state", "keys", "count", "--count", "1"))
    assert [each["key"] for each in value] == ["b"]
    assert text.splitlines()[1].split() == ["b", "9", "alpha"]


def test_the_slots_with_most_keys_come_first(asked: list[Any]) -> None:
    value, text = peeking.state(Path("x"), chosen("state", "slots", "count"))
    assert asked == [("slots", {"computation": "count"})]
    assert value[0] == {"worker": "alpha", "first": 0, "last": 3, "keys": 1}
    assert [line.split() for line in text.splitlines()[1:3]] == [
        ["alpha", "4-7", "3", "1.5"],
        ["alpha", "0-3", "1", "0.5"],
    ]


def test_a_key_is_for_get_and_for_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["state", "get", "count", "--socket", "/nothing"]) == 64
    assert "the key is missing" in capsys.readouterr().err
    assert main(["state", "keys", "count", "a", "--socket", "/nothing"]) == 64
    assert "a key is for 'state get'" in capsys.readouterr().err
    assert main(["state", "slots", "count", "a", "--socket", "/nothing"]) == 64
