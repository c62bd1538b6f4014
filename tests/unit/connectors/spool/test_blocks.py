"""Records on disk: they come back as they were, from any number on, or are called damaged."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from wallarood.connectors.spool.blocks import CHUNK_BYTES_MIN, CHUNK_RECORDS_MIN, packed, unpacked
from wallarood.model.errors import ApplicationError, DamagedStateError


@attrs.frozen
class Order:
    """A record of the application."""

    name: str
    price: Decimal


RECORDS: list[Any] = [
    ("a", 1), ["b", 2.5], {"c": None}, b"d", "é", True, Order("e", Decimal("1.10")),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
]  # fmt: skip


def written(path: Path, *blocks: list[Any]) -> Path:
    path.write_bytes(b"".join(map(packed, blocks)))
    return path


@pytest.mark.parametrize("after", range(5, 14))
def test_records_come_back_from_any_number_on(after: int, tmp_path: Path) -> None:
    path = written(tmp_path / "x", RECORDS[:3], RECORDS[3:4], RECORDS[4:])
    found = list(unpacked(path, 6, after))

    if after >= 13:
        assert found == []
        return
    ((last, records),) = found
    assert last == 13
    assert records == RECORDS[max(0, after - 5) :]
    assert [type(each) for each in records] == [type(each) for each in RECORDS[max(0, after - 5) :]]


def test_chunks_are_neither_small_nor_large(tmp_path: Path) -> None:
    blocks: list[list[Any]] = [[number] for number in range(CHUNK_RECORDS_MIN + 3)]
    blocks += [[bytes(CHUNK_BYTES_MIN)], [1], [2]]
    chunks = list(unpacked(written(tmp_path / "x", *blocks), 1, 0))

    assert [len(records) for _, records in chunks] == [CHUNK_RECORDS_MIN, 4, 2]
    assert [last for last, _ in chunks] == [CHUNK_RECORDS_MIN, CHUNK_RECORDS_MIN + 4, len(blocks)]


def test_every_cut_and_every_flipped_byte_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "x", RECORDS[:2], RECORDS[2:5])
    whole = path.read_bytes()
    wrong = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            found = [each for _, records in unpacked(path, 1, 0) for each in records]
        except DamagedStateError:
            wrong += 1
            continue
        # A count of records is not in the checksum of its block: the numbers tell.
        assert found == RECORDS[:5]
        assert [last for last, _ in unpacked(path, 1, 0)] != [5]
        wrong += 1
    assert wrong == len(whole)
    cuts = 0
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        try:
            assert [last for last, _ in unpacked(path, 1, 0)] == [2]
        except DamagedStateError:
            cuts += 1
    assert cuts == len(whole) - 2


def test_a_record_that_cannot_be_kept_is_the_applications_fault() -> None:
    with pytest.raises(ApplicationError, match="cannot be kept until it is published"):
        packed([lambda: None])


def test_a_class_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "x", [RECORDS[6]])
    monkeypatch.delattr(f"{__name__}.Order")

    with pytest.raises(DamagedStateError, match=r"cannot be read: AttributeError.*with the code"):
        list(unpacked(path, 1, 0))
