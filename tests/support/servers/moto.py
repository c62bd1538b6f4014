"""The server of moto, from the package `moto`: a mock of S3, which keeps nothing when it ends.

It refuses what S3 refuses, and heeds conditions, so what a connector does and says can be tried
against it. Whether anything is durable is not shown by it.
"""

import importlib.util
import sys
from pathlib import Path

from support.servers.process import Server, answers


def missing() -> str:
    """Why there can be no server here; empty if there can."""
    return "" if importlib.util.find_spec("moto") else "the package moto is not installed"


def server(directory: Path, port: int) -> Server:
    """A server that is not yet started."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    return Server("moto", command, directory, port, lambda: answers(port))
