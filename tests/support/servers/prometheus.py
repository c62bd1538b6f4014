"""Prometheus, as Debian has it: scrapes workers over HTTP, and evaluates the rules that ship."""

import contextlib
import json
import os
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from support.harness import wait_for
from support.ports import free_port
from support.servers.process import REQUIRED, Server, answers, no_program

RULES = Path(__file__).parents[3] / "packaging" / "prometheus" / "wallarood.rules.yml"


def missing() -> str:
    """Why there can be no Prometheus here; empty if there can."""
    return no_program("prometheus") or no_program("promtool")


def scraping(directory: Path, port: int, targets: Sequence[str], token: str) -> Server:
    """A Prometheus, not yet started, that scrapes *targets* every second."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": "wallarood",
                "authorization": {"credentials": token},
                "static_configs": [{"targets": list(targets)}],
            }
        ],
    }
    file = directory / "prometheus.yml"
    file.write_text(json.dumps(config))  # JSON is YAML
    command = [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return Server("prometheus", command, directory, port, lambda: _is_ready(port))


@attrs.frozen
class Alerts:
    """Those of the rules that ship, as a Prometheus sees them; without one all count as seen."""

    server: Server | None

    def hold(self, alert: str) -> bool:
        """Whether there is a reason for *alert*: it fires, or will if that lasts."""
        if self.server is None:
            return True
        return alert in asked(self.server, f'ALERTS{{alertname="{alert}"}}')


@contextlib.contextmanager
def watching(directory: Path, targets: Sequence[str], token: str) -> Iterator[Alerts]:
    """The alerts of *targets*; of nothing where there is no Prometheus and none is required.

    All have been scraped once, so that what is counted from now on is seen to grow.
    """
    if missing():
        if os.environ.get(REQUIRED):
            pytest.fail(missing())
        yield Alerts(None)
        return
    server = scraping(directory, free_port(), targets, token)
    server.start()
    try:
        wait_for("all are scraped", lambda: asked(server, "sum(up)").get("") == len(targets))
        yield Alerts(server)
    finally:
        server.kill()


def _is_ready(port: int) -> bool:
    """Whether it answers queries: it listens some time before."""
    if not answers(port):
        return False
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5).close()
        return True
    return False


def asked(server: Server, query: str) -> dict[str, float]:
    """The values of a query, by the worker or the name of the alert that they are of."""
    url = f"http://{server.address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return {
        each["metric"].get("alertname") or each["metric"].get("worker", ""): float(each["value"][1])
        for each in found
    }
