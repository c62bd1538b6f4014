"""Who has left ends, also if it is killed first; who was evicted may join as another."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.nodes import member, record

from wallarood.config.load import Config, load_config
from wallarood.control.change.effects import SetAside
from wallarood.daemon.start.aside import has_left, put_aside
from wallarood.model.cluster_record import RecordState
from wallarood.model.errors import CannotCreateError, RefusedError
from wallarood.storage.archives import read_evicted
from wallarood.storage.state_directory import StateDirectory, open_state_directory

BETA = member("beta")
LEFT = SetAside("alpha has left the cluster at epoch 2", 0, (BETA,))
EVICTED = SetAside("alpha was evicted at epoch 2", RefusedError.exit_code, (BETA,))


def config(joins: bool) -> Config:
    return load_config([], {"worker.name": ("test", "alpha"), "worker.join": ("test", joins)})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    directory = open_state_directory(tmp_path / "state")
    directory.save_record(record("alpha", "alpha", "beta", state=RecordState.STARTED))
    yield directory
    directory.close()


@pytest.mark.parametrize("joins", [True, False])
def test_who_has_left_ends_and_may_be_started_to_join_then(
    state: StateDirectory, joins: bool
) -> None:
    assert not put_aside(config(joins), state, LEFT)
    assert state.load_record() is None
    assert len(state.archives()) == 1
    assert not has_left(state), "an operator has started it since"


def test_who_is_killed_when_its_state_is_archived_ends_at_the_next_start_and_only_then(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = StateDirectory.archive_unread

    def killed(self: StateDirectory) -> None:
        archive(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(StateDirectory, "archive_unread", killed)
    with pytest.raises(KeyboardInterrupt):
        put_aside(config(True), state, LEFT)
    assert state.load_record() is None
    assert has_left(state)
    assert not has_left(state)
    noted = read_evicted(state.path)
    assert noted is not None
    assert noted.reason == LEFT.reason, "an initializer still founds no other cluster"


def test_who_is_killed_before_that_is_a_member_that_is_told_once_more(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: StateDirectory) -> None:
        raise CannotCreateError("no space left")

    monkeypatch.setattr(StateDirectory, "archive_unread", full)
    with pytest.raises(CannotCreateError):
        put_aside(config(True), state, LEFT)
    assert not has_left(state)
    monkeypatch.undo()
    assert not put_aside(config(True), state, LEFT)


def test_who_was_evicted_joins_as_another_if_it_may(state: StateDirectory) -> None:
    assert put_aside(config(True), state, EVICTED)
    assert not has_left(state)
    with pytest.raises(RefusedError, match=r"evicted at epoch 2; to join again as another, start"):
        put_aside(config(False), state, EVICTED)
    assert not has_left(state)


def test_a_note_of_before_says_nothing_of_an_end(state: StateDirectory) -> None:
    put_aside(config(True), state, EVICTED)
    assert '"ends"' not in (state.path / "evicted.json").read_text()
