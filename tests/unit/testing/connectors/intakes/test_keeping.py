"""The kit shows that a source keeps what it acknowledged, and finds one that does not."""

from pathlib import Path
from typing import Any

import pytest
from support.ports import free_port
from support.web import post

import wallarood as w
from wallarood.connectors.journal.files import Journal
from wallarood.connectors.journal.intake import Intake
from wallarood.testing.connectors import IntakeCase, prove_intake


def sender(port: int) -> Any:
    """Sends a record with its own text as its name, until it is answered."""

    def send(record: str) -> None:
        said = post(port, record.encode(), Idempotency_Key=record.replace(" ", "-"))
        if said.code != 200:
            raise ConnectionError(str(said))

    return send


async def test_an_http_source_keeps_what_it_has_answered(tmp_path: Path) -> None:
    port = free_port()
    none = str(tmp_path / "none")
    unsigned = w.HttpSource("127.0.0.1:0", signature="github", secret_file=none)
    case = IntakeCase(
        source=w.HttpSource(f"127.0.0.1:{port}", format="text"),
        send=sender(port),
        kills=3,
        wrong={"no secrets": (unsigned, "No such file")},
    )
    proof = await prove_intake(case, tmp_path)
    print(proof)
    assert not proof.untried


def forgets(self: Intake, *_: Any) -> None:
    """Nothing is on disk when it is answered."""


def reads_twice(self: Intake, right: Any = Intake._from_memory) -> list[Any]:
    """The last of each batch comes twice."""
    found = right(self)
    return [*found, found[-1]]


MISTAKES: dict[str, tuple[Any, Any]] = {
    "append": (Journal, forgets),
    "_from_memory": (Intake, reads_twice),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_what_is_not_kept_or_read_twice_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    port, (place, mistaken) = free_port(), MISTAKES[name]
    monkeypatch.setattr(place, name, mistaken)
    source = w.HttpSource(f"127.0.0.1:{port}", format="text")
    case = IntakeCase(source=source, send=sender(port), kills=0, patience_s=5)
    with pytest.raises(AssertionError, match="read again: after 0 records"):
        await prove_intake(case, tmp_path)
