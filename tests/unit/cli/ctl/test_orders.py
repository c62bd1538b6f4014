"""The orders of `wallarooctl` are passed on, and waited for."""

import pytest
from support.admin_sockets import Workers

from wallarood.cli.ctl import main
from wallarood.cli.ctl.orders import given


def test_shutdown_is_passed_on_and_waited_for(
    workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    assert main(["shutdown", "--timeout", "0.2"]) == 69
    assert workers.shut_down == ["alpha"]
    assert "did not stop within 0.2 s" in capsys.readouterr().err


def test_who_interrupts_is_told_that_the_order_stands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), given("all workers stop"):
        raise KeyboardInterrupt
    said = "wallarooctl: interrupted, and the order stands: all workers stop\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("name", ["upgrade", "upgrade --drop total", "upgrade --back"])
def test_no_checkpoint_is_kept_by_a_name_that_has_the_cluster_wait_for_a_version(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["checkpoint", "--keep", name, "--socket", "/nothing"]) == 64
    assert "by that name the cluster waits for another version" in capsys.readouterr().err
