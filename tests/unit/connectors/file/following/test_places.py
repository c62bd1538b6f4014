"""Which directories tell of a change of what paths lead to."""

import os
from pathlib import Path

import pytest

from wallarood.connectors.file.following.places import directories


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def watched(path: str, *found: str) -> set[str]:
    return directories([path], found)


def test_a_file_is_told_of_by_its_directory(tmp_path: Path) -> None:
    assert watched("in.log") == {""}
    assert watched(f"{tmp_path}/in.log") == {str(tmp_path)}
    assert watched("/in.log") == {"/"}


def test_a_directory_is_told_of_by_itself(tmp_path: Path) -> None:
    assert watched(str(tmp_path)) == {str(tmp_path)}


def test_what_is_not_there_yet_comes_in_the_nearest_directory_that_is() -> None:
    assert watched("a/b/in.log") == {""}
    os.mkdir("a")
    assert watched("a/b/in.log") == {"a"}
    assert watched("a/b/*.log") == {"a"}


def test_each_part_of_a_pattern_is_compared_with_names_in_a_directory() -> None:
    os.makedirs("logs/x/deep")
    os.makedirs("logs/y")
    Path("logs/file").touch()
    assert watched("logs/*.log") == {"logs"}
    assert watched("logs/*/in.log") == {"logs", "logs/x", "logs/y"}
    assert watched("logs/[x]/deep/*") == {"logs", "logs/x", "logs/x/deep"}
    assert watched("*/x/*.log") == {"", "logs", "logs/x"}


def test_a_pattern_of_any_depth_needs_all_directories_below() -> None:
    os.makedirs("logs/x/deep")
    assert watched("logs/**/*.log") == {"logs", "logs/x", "logs/x/deep"}
    assert watched("logs/**") == {"logs", "logs/x", "logs/x/deep"}


def test_a_link_is_told_of_where_it_stands_and_where_it_leads() -> None:
    os.makedirs("days/1")
    os.mkdir("logs")
    Path("days/1/in.log").touch()
    os.symlink("../days/1/in.log", "logs/now")
    assert watched("logs/now") == {"logs", "logs/../days/1"}
    assert watched("logs/*", "logs/now") == {"logs", "logs/../days/1"}


def test_a_link_in_the_middle_is_told_of_where_it_stands() -> None:
    os.makedirs("days/1")
    os.symlink("days/1", "today")
    os.symlink("today", "now")
    assert watched("now/in.log") == {"now", "", "days/1"}
    assert watched("now") == {"now", ""}


def test_links_in_a_circle_end() -> None:
    os.symlink("a", "b")
    os.symlink("b", "a")
    assert watched("a") == {""}
