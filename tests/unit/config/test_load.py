"""Configuration: every mistake at once, with file and key; units, bounds, order and origin."""

from pathlib import Path
from typing import Any

import pytest

from wallarood.config.load import load_config
from wallarood.model.errors import ConfigurationError


def written(directory: Path, **files: str) -> list[Path]:
    paths = []
    for name, text in files.items():
        path = directory / f"{name}.toml"
        path.write_text(text)
        paths.append(path)
    return paths


def problems(paths: list[Path], flags: Any = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_config(paths, flags or {})
    assert caught.value.exit_code == 78
    return caught.value.message.splitlines()


def test_without_anything_it_is_a_cluster_of_one_on_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    config = load_config([], {})
    name = config["worker.name"]
    assert config["worker.count"] == 1
    assert config["worker.topology-initializer"] is True
    assert config["worker.control-channel"] == "127.0.0.1:0"
    assert config["worker.state-directory"] == f".wallarood/{name}"
    assert config["admin.socket"] == f".wallarood/{name}/admin.sock"


def test_systemd_says_where_state_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/x:/var/lib/y")
    assert load_config([], {})["worker.state-directory"] == "/var/lib/x"


def test_all_mistakes_in_all_files_are_reported_at_once(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        a='[worker]\ncount = "3"\nnmae = "x"\n[wroker]\ncount = 1\n',
        b='[timing]\nheartbeat = "1 parsec"\n[limits]\nwindow-bytes = "1B"\n[log]\nlevel = "loud"\n',  # noqa: E501
        c="[worker\n",
        d='worker = "alpha"\n',
    )
    found = problems([*paths, tmp_path / "none.toml"], {"worker.name": ("--worker-name", 7)})
    expected = [
        ("a.toml", "unknown key worker.nmae; did you mean worker.name?"),
        ("a.toml", "unknown section wroker; did you mean worker?"),
        ("a.toml", "worker.count: found str '3', expected an integer"),
        ("b.toml", "timing.heartbeat: found '1 parsec', expected a number with a unit"),
        ("b.toml", "limits.window-bytes: found '1B', expected 1KiB to 1GiB"),
        ("b.toml", "log.level: found 'loud', expected one of debug, info, warning, error"),
        ("c.toml", "not valid TOML"),
        ("d.toml", "worker: found 'alpha', expected a table"),
        ("none.toml", "cannot be read: No such file or directory"),
        ("flag --worker-name", "worker.name: found int 7, expected a string"),
    ]
    for file, text in expected:
        assert any(file in line and text in line for line in found), (text, found)
    assert len(found) == len(expected)


def test_a_later_file_overrides_an_earlier_one_and_flags_override_both(tmp_path: Path) -> None:
    first, second = written(
        tmp_path,
        b='[worker]\nname = "late"\ncontrol-channel = "127.0.0.1:1"\n',
        a='[worker]\nname = "early"\ncount = 3\n',
    )
    config = load_config([tmp_path], {"worker.count": ("--worker-count", 2)})
    assert config["worker.name"] == "late"
    assert config.origin("worker.name") == str(first)
    assert config["worker.count"] == 2
    assert config.origin("worker.count") == "flag --worker-count"
    assert config.origin("log.level") == "default"
    assert second.exists()


@pytest.mark.parametrize("name", ["worker.control-channel", "listen.control", "listen.data"])
def test_an_address_beyond_loopback_needs_a_key(tmp_path: Path, name: str) -> None:
    flags = {name: ("--flag", "10.0.0.1:7700")}
    (line,) = problems([], flags)
    assert name in line
    assert "security.key-file" in line
    flags["security.key-file"] = ("--key-file", "/some/file")
    assert load_config([], flags)[name] == "10.0.0.1:7700"


def test_what_does_not_fit_together_is_refused() -> None:
    (line,) = problems([], {"worker.count": ("--worker-count", 3)})
    assert "needs HOST:PORT of the initializer" in line
    (line,) = problems([], {"timing.liveness-deadline": ("f", "1s")})
    assert "two heartbeats" in line
    (line,) = problems([], {"worker.name": ("--worker-name", "a b")})
    assert "worker name 'a b'" in line
