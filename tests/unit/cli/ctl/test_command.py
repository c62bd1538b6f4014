"""The command line of `wallarooctl`."""

import pytest

from wallarood.cli.ctl import main


@pytest.mark.parametrize(
    "arguments", [[], ["nothing"], ["status", "--nothing"], ["state", "get", "x"], ["shrink"]]
)
def test_a_wrong_command_line_ends_with_64(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 64
    assert "wallarooctl" in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("wallarooctl ")
