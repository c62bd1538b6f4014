"""Environments of contestants: one whose making was interrupted is made again."""

import os
import sys
from pathlib import Path

import pytest
from bench import venvs


@pytest.mark.long  # it makes an environment; how a bench runs does not change with it
def test_what_an_interrupted_making_has_left_is_removed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WALLAROOD_BENCH_VENVS", str(tmp_path))
    monkeypatch.setitem(venvs.REQUIREMENTS, "quix", ("pip",))
    folder = venvs.folder_of("quix", os.path.realpath(sys.executable))
    half = folder / "lib" / "half of a package"
    half.mkdir(parents=True)
    assert venvs.python_of("quix") == folder / "bin" / "python"
    assert not half.exists()
    assert (folder / "installed").exists()
    (folder / "kept").touch()
    venvs.python_of("quix")
    assert (folder / "kept").exists()


def test_ours_has_another_environment_when_it_needs_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = venvs.folder_of("ours", sys.executable)
    project = tmp_path / "pyproject.toml"
    project.write_text("dependencies = []")
    monkeypatch.setattr(venvs, "PROJECT", project)
    assert venvs.folder_of("ours", sys.executable) != before
    assert venvs.folder_of("loop", sys.executable) == venvs.folder_of("ours", sys.executable)
