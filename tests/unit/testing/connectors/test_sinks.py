"""The kit shows what a sink guarantees, and finds the mistakes that a connector may make."""

from pathlib import Path

import attrs
import pytest
from support.ledger_server import ledger_server, read_ledger
from support.ledger_sink import LedgerSink
from support.mistaken import MISTAKES, MistakenSink
from support.ports import free_port
from support.shelf import Shelf

from wallarood.testing.connectors import SinkCase, prove_sink

SECRET = "sesame-123"


async def test_the_example_of_a_connector_is_proven(tmp_path: Path) -> None:
    """It has 60 lines, as its man page says."""
    port = free_port()
    sink = LedgerSink(f"127.0.0.1:{port}", SECRET)
    with ledger_server(tmp_path, port, SECRET) as server:
        case = SinkCase(
            sink=sink,
            read=lambda: read_ledger(port, SECRET),
            server=server,
            kills=2,
            wrong={"password": (LedgerSink(f"127.0.0.1:{port}", "wrong-456"), "wrong password")},
            secrets=[SECRET, "wrong-456"],
        )
        proof = await prove_sink(case, tmp_path / "spools")
    print(proof)
    assert proof.untried == {}
    assert len(proof.shown) == 13
    assert str(proof).startswith(f"ledger 127.0.0.1:{port}: every record once and in order")


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_is_found(mistake: str, tmp_path: Path) -> None:
    """Each is a connector that is right but for one thing."""
    port, (trial, said) = free_port(), MISTAKES[mistake]
    with ledger_server(tmp_path, port) as server:
        case = SinkCase(
            sink=MistakenSink(f"127.0.0.1:{port}", mistake),
            read=lambda: read_ledger(port),
            server=server,
            wrong={"port": (MistakenSink("127.0.0.1:1", mistake), "127.0.0.1:1")},
            secrets=[SECRET],
            only=[trial],
        )
        with pytest.raises(AssertionError, match=f"{trial}: .*{said}"):
            await prove_sink(case, tmp_path / "spools")


async def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    case = SinkCase(sink=Shelf().sink(), read=list, only=["zombie writer", "server away"], kills=0)
    with pytest.raises(AssertionError, match=r"zombie writer: .*a reader sees 0 records"):
        await prove_sink(case, tmp_path)
    case = attrs.evolve(case, only=["server away"])
    proof = await prove_sink(case, tmp_path)
    assert proof.shown == {}
    assert str(proof).count("NOT TRIED: left out") == 12
    assert proof.untried["server away"] == "no server was given"
