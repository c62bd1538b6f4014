"""The views that say how the cluster does, for people and as JSON."""

import json

import pytest
from support.admin_sockets import Workers

from wallarood.cli.ctl import command, main


@pytest.fixture
def alpha(workers: Workers) -> Workers:
    workers.start("alpha")
    return workers


def test_why_is_a_sentence_or_json(alpha: Workers, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why"]) == 0
    assert capsys.readouterr().out.startswith("Nothing is slow")
    assert main(["why", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"][0]["fault"] == "nothing"


def test_top_is_shown_once_where_no_terminal_is(
    alpha: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["top"]) == 0
    assert "loop delay" in capsys.readouterr().out
    assert main(["top", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["workers"][0]["worker"] == "alpha"


def test_lag_and_errors_answer_also_where_there_are_none(
    alpha: Workers, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallarood.cli.ctl.watching.BETWEEN_S", 0.01)
    assert main(["lag"]) == 0
    assert "no source partition" in capsys.readouterr().out
    assert main(["errors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


ORDERS = {"checkpoint", "evict", "grow", "reload", "replace", "shrink", "shutdown", "upgrade"}
ARGUMENTS = {"tap": ["count"], "state": ["keys", "count"]}


@pytest.mark.parametrize("name", sorted(set(command.COMMANDS) - ORDERS))
def test_all_that_only_shows_can_be_watched_and_be_json(name: str) -> None:
    chosen = command.parser().parse_args([name, *ARGUMENTS.get(name, []), "--watch", "--json"])
    assert chosen.watch == 2.0
    assert chosen.json


def test_a_worker_that_goes_while_it_is_watched_is_asked_again(
    workers: Workers, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workers.start("alpha")
    said: list[str] = []

    def sleep(_: float) -> None:
        shown = capsys.readouterr()
        said.append(shown.out + shown.err)
        if len(said) == 1:
            workers.stop()
        elif len(said) == 2:
            workers.start("alpha")
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    assert main(["errors", "--watch", "--json"]) == 130
    assert said[0] == said[2] == "[]\n"
    assert "no worker answers" in said[1]


def test_with_watch_it_is_shown_again_until_it_is_interrupted(
    alpha: Workers, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    assert main(["errors", "--watch", "0", "--json"]) == 130
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [[], [], []]
    assert slept == [command.LEAST_S] * 3


@pytest.mark.parametrize("wrong", ["soon", "-1", "nan", "inf"])
def test_what_is_no_time_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", f"--watch={wrong}"]) == 64
    assert f"'{wrong}': expected a number of seconds, 0 or more" in capsys.readouterr().err
