"""Passwords and the like that stand in files."""

from pathlib import Path

import pytest

from wallarood.connectors.secret import secret_of
from wallarood.model.errors import ConfigurationError


def test_the_end_of_the_line_is_no_part_of_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" open sesame \r\n")
    assert secret_of(str(file), "server") == " open sesame "


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing, binary = tmp_path / "missing", tmp_path / "binary"
    binary.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"server: .*missing: No such file"):
        secret_of(str(missing), "server")
    with pytest.raises(ConfigurationError, match=r"server: .*binary: .*utf-8"):
        secret_of(str(binary), "server")
