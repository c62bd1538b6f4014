"""Where the sources and sinks of these tests run."""

from pathlib import Path

import pytest
from support.tcp_clients import LIMITS

from wallarood.app.connector import SinkContext, SourceContext


@pytest.fixture
def where(tmp_path: Path) -> SourceContext:
    """Where a source runs whose journal is below the test's directory."""
    return SourceContext("in", directory=str(tmp_path / "sources"), limits=LIMITS)


@pytest.fixture
def sink_context(tmp_path: Path) -> SinkContext:
    """Where a sink runs that keeps its frames below the test's directory."""
    return SinkContext("app", "wc-12345678", "alpha", "sink", 0, str(tmp_path / "sinks"))
