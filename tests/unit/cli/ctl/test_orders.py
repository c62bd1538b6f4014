"""The orders of `wallarooctl` are passed on, and waited for."""

import pytest
from support.admin_sockets import Workers

from wallarood.admin.status import CheckpointStatus, RunStatus
from wallarood.cli.ctl import main
from wallarood.cli.ctl.orders import given, is_kept


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


GIVEN_UP = RunStatus(6, 1.0, "abandoned")


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        (CheckpointStatus(5), False),
        (CheckpointStatus(5, kept=(("upgrade", 6),)), False),
        (CheckpointStatus(6, kept=(("upgrade", 6),)), True),
        (CheckpointStatus(7, kept=(("upgrade", 6),), recent=(GIVEN_UP,)), False),
        (CheckpointStatus(7, kept=(("upgrade", 8),), recent=(GIVEN_UP,)), False),
        (CheckpointStatus(8, kept=(("upgrade", 8),), recent=(GIVEN_UP,)), True),
        (CheckpointStatus(6, kept=(("nightly", 6),)), False),
    ],
)
def test_what_was_given_up_does_not_count_as_kept_when_another_is_committed(
    now: CheckpointStatus, kept: bool
) -> None:
    """6 was given up, 7 was for a worker that leaves, and 8 is to be kept in the place of 6."""
    assert is_kept(now, "upgrade", after=5) == kept
