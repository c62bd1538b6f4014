"""A partition that is opened again where it was, as the engine does it."""

from pathlib import Path

import pytest
from support.shelves import ShelvesSource

from wallarood.testing.connectors import SourceCase
from wallarood.testing.connectors.reading import Kept
from wallarood.testing.connectors.source_cases import SourceTrials


async def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def append(partition: str, records: list[str]) -> None:
        with (tmp_path / partition).open("a") as file:
            file.writelines(f"{each}\n" for each in records)

    trials = SourceTrials(SourceCase(source=ShelvesSource(str(tmp_path)), append=append), "")
    kept = Kept(trials, "a")
    for count in (3, 20):
        await trials.append("a", count)
        await kept.read_until(len(trials.sent["a"]))
        await kept.aclose()
    assert (kept.done, kept.position) == (23, 23)
    path.write_text(path.read_text().replace("record 2\n", "record 3\n"))
    kept = Kept(trials, "a")
    with pytest.raises(AssertionError, match="number 2: 'record 3' instead of 'record 2'"):
        await kept.read_until(23)
    await kept.aclose()
