"""`wallarood state`: what a worker keeps on disk."""

from pathlib import Path

from support.command import wallarood

from wallarood.model.cluster_record import ClusterRecord, RecordState
from wallarood.model.topology import Topology
from wallarood.storage.seat import take_seat
from wallarood.storage.state_directory import open_state_directory

COUNT = "wallarood.examples.word_count"


def test_state_needs_no_keys_to_what_the_worker_does_with_others(tmp_path: Path) -> None:
    (tmp_path / "away.toml").write_text('[worker]\ncount = 3\ncontrol-channel = "alpha:7700"\n')
    flags = ("--config", "away.toml", "--state-directory", "state")
    assert wallarood("run", COUNT, *flags, cwd=tmp_path).returncode == 78
    (tmp_path / "state").mkdir()
    done = wallarood("state", "reset", *flags, cwd=tmp_path)
    assert done.stderr == ""
    assert "holds no cluster record" in done.stdout


def test_state_of_a_directory_that_is_not_there(tmp_path: Path) -> None:
    done = wallarood("state", "show", "--state-directory", "none", cwd=tmp_path)
    assert done.returncode == 65
    assert "there is no state directory none" in done.stderr


def test_a_directory_that_an_operator_says_was_put_back_has_no_vote(tmp_path: Path) -> None:
    flags = ("--state-directory", str(tmp_path))
    assert "holds no cluster" in wallarood("state", "restored", *flags).stdout
    seat = take_seat(tmp_path)
    topology = Topology(1, "app", ("alpha",), (), ())
    record = ClusterRecord("wc-1", RecordState.COMMITTED, "alpha", "alpha", (), topology, ())
    state = open_state_directory(tmp_path)
    state.save_record(record)
    in_use = wallarood("state", "restored", *flags)
    assert in_use.returncode == 75, "its worker would not know"
    state.close()
    assert "no vote" not in wallarood("state", "show", *flags).stdout
    assert "in which it has no vote until" in wallarood("state", "restored", *flags).stdout
    taken = take_seat(tmp_path)
    assert taken.restored.startswith("an operator has said so")
    assert taken.seat == seat.seat
    assert "restored    an operator has said so" in wallarood("state", "show", *flags).stdout
    assert "it was known already" in wallarood("state", "restored", *flags).stdout
