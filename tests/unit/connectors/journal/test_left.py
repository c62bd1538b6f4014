"""What one worker has left is read to its end, and its clients are known to those that listen."""

from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
from support.tcp_clients import answers_of, client_of, framed, more, opened, records_of

import wallarood as w
from wallarood.app.connector import SourceContext, SourceLimits
from wallarood.connectors.journal.files import open_journal
from wallarood.connectors.journal.left import check_journal_at, take_clients
from wallarood.model.errors import DamagedStateError

LEFT = "in, left by beta at epoch 2"
SOURCE = w.TcpSource("127.0.0.1:0", record=int, scope="local")


@pytest.fixture
def where(tmp_path: Path) -> SourceContext:
    """The source on the heir of beta, which has acknowledged 25 records to "c"."""
    directory = tmp_path / "sources"
    journal = open_journal(directory / LEFT, 1 << 20)
    journal.append([("c", number, b"%d" % number) for number in range(1, 26)])
    journal.close()
    limits = SourceLimits(batch_records_max=10)
    return SourceContext("in", directory=str(directory), limits=limits, left=(LEFT,))


async def test_it_is_read_from_a_position_to_its_end(where: SourceContext) -> None:
    reader = await SOURCE.open(LEFT, 7, where)
    found = []
    while (batch := await reader.read()) is not None:
        found.append((batch.records, batch.position))
    await reader.committed(25)
    await reader.aclose()
    assert found == [(list(range(8, 18)), 17), (list(range(18, 26)), 25)]


async def test_it_must_reach_back_to_the_position(where: SourceContext) -> None:
    await check_journal_at(LEFT, 25, where)
    await check_journal_at("new", None, where)
    for partition, position in ((LEFT, 26), ("gone", 3)):
        with pytest.raises(DamagedStateError, match="but the checkpoint continues from"):
            await check_journal_at(partition, position, where)


async def test_a_client_of_the_one_that_is_gone_is_told_how_much_has_arrived(
    where: SourceContext,
) -> None:
    own, left = (str(Path(where.directory, name)) for name in ("in", LEFT))
    for _ in range(2):  # who dies in between does it once more
        SOURCE.take_clients(own, left)
    where = attrs.evolve(where, left=())
    with ExitStack() as stack:
        reader = await opened(SOURCE, where, stack)
        client = client_of(reader, stack)
        # The last two have come, but not their acknowledgements.
        client.sendall(framed(b"24", b"25", b"26", first=24))
        assert await records_of(reader, 1) == [26]
        said = answers_of(client, lambda answer: answer.ack == 26)
        assert said[0].next == 26
        await reader.aclose()


async def test_what_a_client_has_sent_here_counts_more(where: SourceContext) -> None:
    """One that has sent to this worker goes on with its numbers here."""
    own, left = (str(Path(where.directory, name)) for name in ("in", LEFT))
    with ExitStack() as stack:
        reader = await opened(SOURCE, where, stack)
        client = client_of(reader, stack)
        client.sendall(framed(b"1", b"2"))
        assert await records_of(reader, 2) == [1, 2]
        await reader.aclose()
        SOURCE.take_clients(own, left)
        reader = await opened(SOURCE, where, stack, 2)
        client = client_of(reader, stack)
        client.sendall(framed() + more(3, b"3"))
        assert await records_of(reader, 1) == [3]
        await reader.aclose()


def test_who_leaves_hands_on_what_it_has_inherited(tmp_path: Path) -> None:
    places = [str(tmp_path / name / "in") for name in ("alpha", "beta", "gamma")]
    journal = open_journal(Path(places[0]), 1 << 20)
    journal.append([("c", 1, b"1")])
    journal.close()
    for left, own in pairwise(places):
        SOURCE.take_clients(own, left)
    assert open_journal(Path(places[2]), 1 << 20).inherited == {"c": 1}
    take_clients(str(tmp_path / "own"), str(tmp_path / "none"))
    assert not (tmp_path / "own").exists()
