"""`wallarood state`: what a worker keeps on disk."""

from pathlib import Path

from support.command import wallarood

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
