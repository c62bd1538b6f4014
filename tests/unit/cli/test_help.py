"""`wallarood help`: the list, a page as text, and topics that are not there."""

from pathlib import Path

import pytest

from wallarood.cli.main import main


def test_without_a_topic_all_pages_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    said = capsys.readouterr().out
    assert "app          wallarood-app(7): writing applications for wallarood" in said


def test_without_man_and_mandoc_a_page_is_plain_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["help", "app"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("WALLAROOD-APP(7)")
    assert "\nPIPELINES\n" in said
    assert main(["help", "--plain", "app"]) == 0
    assert capsys.readouterr().out == said


def test_a_man_that_only_says_that_it_is_not_there_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub = tmp_path / "man"
    stub.write_text("#!/bin/sh\necho This system has been minimized.\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["help", "app"]) == 0
    assert capsys.readouterr().out.startswith("WALLAROOD-APP(7)")


def test_a_command_is_a_topic_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["help", "plan"])
    assert ended.value.code == 0
    assert "usage: wallarood plan" in capsys.readouterr().out


def test_an_unknown_topic_names_what_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "operation"]) == 64
    assert "no page 'operation': did you mean 'operations'?" in capsys.readouterr().err
    assert main(["help", "xyz"]) == 64
    assert "expected one of wallarood, app, " in capsys.readouterr().err
