"""Where the sinks of these tests run, and their server."""

from pathlib import Path

import pytest
from support.shelf import Shelf

from wallarood.app.connector import SinkContext


@pytest.fixture
def context(tmp_path: Path) -> SinkContext:
    """Where the sink runs."""
    return SinkContext("app", "wc-12345678", "alpha", "sink", 0, str(tmp_path / "sinks"))


@pytest.fixture
def shelf() -> Shelf:
    """The server."""
    return Shelf()
