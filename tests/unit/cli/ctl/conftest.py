"""Workers that answer below this directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.admin_sockets import Workers


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wallarood.cli.ctl.sockets.SEARCHED", (".wallarood",))
    found = Workers(tmp_path / ".wallarood")
    yield found
    found.stop()
