"""Requests that schemathesis makes of the OpenAPI document are answered as the document says.

They go to a real cluster of two. It must answer no request with a fault of its own, take what the
document allows and refuse what it does not, and be as well afterwards as it was before.
"""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from support.harness import WorkerProcess, hosts_in, wait_for
from support.ports import free_port

from wallarood.admin.web.api import API, PREFIX

TOKEN = "0123456789abcdef0123456789abcdef"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
LEFT_OUT = {"/api/v1/events", "/api/v1/shrink", "/api/v1/shutdown"}
"""One has no end, the others change or end what is tested; other tests ask for them."""

APPLICATION = """
import wallarood as w

class Seen:
    count = 0

@w.state_computation(state=Seen)
def count(number: int, state: Seen) -> int:
    state.count += 1
    return number

numbers = w.source("numbers", w.GeneratorSource(rate=500))
counted = numbers.key_by(lambda number: number % 10, name="by").to(count)
app = w.application("counted", counted.to_sink(w.FileSink("out"), name="out"))
"""


@attrs.frozen
class Served:
    port: int
    document: dict[str, Any]
    worker: WorkerProcess

    @property
    def schema(self) -> Any:
        schema = schemathesis.openapi.from_dict(self.document)
        schema.config.update(base_url=f"http://127.0.0.1:{self.port}")
        schema.config.checks.negative_data_rejection.expected_statuses.append("431")  # too long
        return schema

    def operation(self, path: str, method: str) -> Any:
        return self.schema[path][method]


def document_of(port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/api/v1/openapi.json", headers=SHOWN)
    found: dict[str, Any] = json.load(connection.getresponse())
    connection.close()
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory, port = tmp_path_factory.mktemp("served"), free_port()
    (directory / "counted.py").write_text(APPLICATION)
    (directory / "token").write_text(TOKEN)
    (directory / "admin.toml").write_text(
        f'[admin]\nhttp = "127.0.0.1:{port}"\ntoken-file = "{directory / "token"}"\n'
    )
    config = str(directory / "admin.toml")
    with hosts_in(directory) as hosts:
        application = f"{directory / 'counted.py'}:app"
        alpha = hosts.start("alpha", application, "--config", config, count=2, initializer=True)
        beta = hosts.start("beta", application, count=2)
        workers = [alpha, beta]
        wait_for("they run", lambda: all(each.phase() == "running" for each in workers), wait_s=120)
        yield Served(port, document_of(port), alpha)
        assert "Traceback" not in alpha.said + beta.said
        wait_for("it runs", lambda: alpha.phase() == "running")


def operations() -> list[tuple[str, str]]:
    found = [(PREFIX + each.path, each.method) for each in API]
    return [each for each in found if each[0] not in LEFT_OUT]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), operations())
def test_each_operation_answers_as_the_document_says(
    served: Served, path: str, method: str, mode: GenerationMode
) -> None:
    operation = served.operation(path, method)
    if mode is GenerationMode.NEGATIVE and not list(operation.query):
        pytest.skip("there is nothing that could be wrong")

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=10,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Case) -> None:
        case.call_and_validate(headers=SHOWN, timeout=60)

    check()
