"""`wallarooctl upgrade`: what can be cancelled is what is waited for."""

import json

import pytest
from support.admin_sockets import Workers

from wallarood.cli.ctl import main
from wallarood.planning.upgrade import kept_as, pending


def test_where_no_version_is_waited_for_there_is_nothing_to_cancel(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    assert main(["upgrade", "--cancel"]) == 76
    assert "the cluster waits for no new version" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--cancel"], ["--drop", "total"]])
def test_going_back_goes_with_no_other_order(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upgrade", "--back", *more, "--socket", "/nothing"]) == 64
    assert "upgrade --back: expected it alone" in capsys.readouterr().err


@pytest.mark.parametrize("drop", [(), ("total",), ("old words", "x-y")])
def test_what_may_go_is_in_the_name_of_the_kept_checkpoint(drop: tuple[str, ...]) -> None:
    assert pending(["nightly", kept_as(drop)]) == drop


def test_other_kept_checkpoints_are_no_upgrade() -> None:
    assert pending(["nightly", "upgraded", "before upgrade"]) is None


def test_what_an_upgrade_would_do_is_said_and_nothing_is_ordered(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    assert main(["upgrade", "--dry-run", "--drop", "total", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan == {"epoch": 0, "restart": ["alpha"], "away": [], "drop": ["total"]}
    assert main(["upgrade", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "to be restarted with the new version: alpha" in said
    assert "what would be lost: nothing" in said
