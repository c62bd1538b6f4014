"""Flags override the configuration: each its own key, and a wrong value names the flag."""

import argparse
from pathlib import Path

import pytest

from wallarood.cli.common import FLAGS, add_config_flags, config_from, target_of
from wallarood.config.key import Kind
from wallarood.config.keys import BY_NAME, KEYS
from wallarood.config.load import read_config
from wallarood.model.errors import UsageError


def given(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_config_flags(parser)
    chosen = parser.parse_args(arguments)
    chosen.application, chosen.args = None, []
    return chosen


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_sets_its_own_key_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.chdir(tmp_path)
    key = BY_NAME[FLAGS[flag]]
    value = {
        Kind.NUMBER: "3",
        Kind.ADDRESS: "127.0.0.1:7701",
        Kind.DURATION: "77s",
    }.get(key.kind, key.choices[-1] if key.choices else "other")
    arguments = [flag] if key.kind is Kind.SWITCH else [flag, value]
    of_two = ("--worker-count", "2")
    plain = config_from(given(*of_two), load=read_config)
    config = config_from(given(*of_two, *arguments), load=read_config)
    changed = {each.full_name for each in KEYS if config[each.full_name] != plain[each.full_name]}
    follows = {"worker.state-directory", "admin.socket", "worker.topology-initializer"}
    assert key.full_name in changed
    assert changed - follows == {key.full_name} - follows
    assert config.origin(key.full_name) == f"flag {flag}"


def test_a_flag_comes_before_a_file(tmp_path: Path) -> None:
    file = tmp_path / "wallarood.toml"
    file.write_text('[worker]\nname = "of-the-file"\n')
    chosen = given("--config", str(file), "--worker-name", "of-the-flag")
    assert config_from(chosen)["worker.name"] == "of-the-flag"
    assert config_from(given("--config", str(file)))["worker.name"] == "of-the-file"


def test_what_is_no_number_is_refused_with_its_flag() -> None:
    with pytest.raises(UsageError, match="--worker-count: found 'two', expected an integer"):
        config_from(given("--worker-count", "two"))


def test_an_instance_needs_one_directory_and_reads_its_own_file_of_it(tmp_path: Path) -> None:
    (tmp_path / "wallarood.toml").write_text('[worker]\ncluster-id = "auto"\n')
    (tmp_path / "east.toml").write_text('[log]\nlevel = "debug"\n')
    (tmp_path / "west.toml").write_text('[log]\nlevel = "error"\n')
    config = config_from(given("--config", str(tmp_path), "--instance", "east"))
    assert (config["worker.name"], config["log.level"]) == ("east", "debug")
    assert config["worker.cluster-id"] == "auto"
    for paths in ([str(tmp_path / "east.toml")], [str(tmp_path), str(tmp_path)]):
        flags = [part for path in paths for part in ("--config", path)]
        with pytest.raises(UsageError, match="--instance needs one configuration directory"):
            config_from(given(*flags, "--instance", "east"))


def test_without_an_application_that_is_said() -> None:
    config = config_from(given())
    with pytest.raises(UsageError, match=r"give APP, or set application\.target"):
        target_of(config)
