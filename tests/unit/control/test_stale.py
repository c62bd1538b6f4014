"""What comes too late is dropped in one place: of another cluster, another epoch, another round."""

import typing

import pytest

from wallarood.control.stale import OF_A_ROUND, OPENING, UNSTAMPED, Stamp, is_stale, without_stale
from wallarood.model.messages import (
    CheckpointCommitted,
    Collect,
    ControlMessage,
    Envelope,
    Heartbeat,
    Never,
    RoundProposal,
)

HERE = Stamp("wc-1", 2, 5)
FROM = {"same": ("wc-1", 2, 5), "other cluster": ("wc-2", 2, 5), "older epoch": ("wc-1", 1, 5),
        "newer epoch": ("wc-1", 3, 5), "older round": ("wc-1", 2, 4),
        "newer round": ("wc-1", 2, 6), "no cluster": ("", 0, 0)}  # fmt: skip


def stale(message: ControlMessage, sender: str, here: Stamp = HERE) -> bool:
    cluster_id, epoch, round_ = FROM[sender]
    return is_stale(Envelope(cluster_id, epoch, round_, 0, message), here)


@pytest.mark.parametrize("sender", FROM)
def test_what_may_come_from_outside_is_never_stale(sender: str) -> None:
    assert not stale(Never("wc-9"), sender)


@pytest.mark.parametrize(
    ("sender", "dropped"),
    [
        ("same", False),
        ("other cluster", True),
        ("older epoch", True),
        ("newer epoch", True),
        ("older round", True),
        ("newer round", True),
        ("no cluster", False),
    ],
)
def test_a_message_of_a_round_means_nothing_in_another(sender: str, dropped: bool) -> None:
    assert stale(CheckpointCommitted(7), sender) is dropped


@pytest.mark.parametrize("sender", FROM)
def test_a_message_of_recovery_begins_a_round_and_belongs_to_none(sender: str) -> None:
    dropped = sender in ("other cluster", "older epoch", "newer epoch")
    assert stale(Collect("a"), sender) is dropped
    assert stale(Heartbeat(()), sender) is dropped


@pytest.mark.parametrize("sender", FROM)
def test_where_partitions_stood_in_another_round_is_left_out_of_a_heartbeat(sender: str) -> None:
    cluster_id, epoch, round_ = FROM[sender]
    heartbeat = Heartbeat(("beta",), (("in", 7),))
    taken = without_stale(Envelope(cluster_id, epoch, round_, 0, heartbeat), HERE)
    assert taken == Heartbeat(("beta",), (("in", 7),) if round_ == HERE.round else ())


def test_before_there_is_a_cluster_nothing_is_stale() -> None:
    for sender in FROM:
        assert not stale(CheckpointCommitted(7), sender, UNSTAMPED)


def test_every_kind_of_message_is_at_most_one_of_both() -> None:
    kinds = set(typing.get_args(ControlMessage))
    assert not set(OPENING) & set(OF_A_ROUND)
    assert set(OPENING) | set(OF_A_ROUND) <= kinds
    assert RoundProposal in kinds - set(OPENING) - set(OF_A_ROUND)
