"""Cluster keys: read, checked, and never shown."""

from pathlib import Path

import pytest
from support.echo_channels import NONE

from wallarood.model.errors import KeyRefusedError
from wallarood.net.auth import read_key


def test_keys_are_read_checked_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("s" * 32 + "\n")
    (tmp_path / "short").write_text("s" * 31)
    key = read_key(str(tmp_path / "good"))
    assert key.secret == b"s" * 32
    assert "ssss" not in repr(key)
    assert read_key(None) == NONE
    for name in ("short", "missing"):
        with pytest.raises(KeyRefusedError, match=name):
            read_key(str(tmp_path / name))
