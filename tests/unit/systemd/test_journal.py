"""Entries of the journal: fields as its native protocol wants them."""

import os
import sys
from pathlib import Path

import pytest

from wallarood.systemd.journal import TEXT_BYTES_MAX, entry, is_journal


def test_an_entry_has_its_message_level_and_fields() -> None:
    assert entry("sources paused", "warning", {"WALLAROOD_WORKER": "alpha"}) == (
        b"MESSAGE=sources paused\nPRIORITY=4\nSYSLOG_IDENTIFIER=wallarood\nWALLAROOD_WORKER=alpha\n"
    )


def test_a_value_of_several_lines_is_sent_with_its_length() -> None:
    data = entry("ü", "error", {"TRACE": "a\nb"})
    assert data.endswith(b"TRACE\n\x03\0\0\0\0\0\0\0a\nb\n")


def test_a_value_that_the_journal_would_not_take_is_cut() -> None:
    assert len(entry("x" * 2 * TEXT_BYTES_MAX, "info", {})) < TEXT_BYTES_MAX + 100


def test_only_a_stderr_that_systemd_has_connected_is_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "stderr").open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        there = os.fstat(file.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino}")
        assert is_journal()
        monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino + 1}")
        assert not is_journal()
        monkeypatch.delenv("JOURNAL_STREAM")
        assert not is_journal()
