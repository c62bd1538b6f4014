"""The orders of `wallarooctl` are passed on, and waited for."""

import pytest
from support.admin_sockets import Workers

from wallarood.cli.ctl import main


def test_shutdown_is_passed_on_and_waited_for(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    assert main(["shutdown", "--timeout", "0.2"]) == 69
    assert workers.shut_down == ["alpha"]
    assert "did not stop within 0.2 s" in capsys.readouterr().err
