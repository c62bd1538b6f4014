"""What trials of a source share: what was appended where."""

from typing import Any

import wallarood as w
from wallarood.testing.connectors import SourceCase
from wallarood.testing.connectors.source_cases import SourceTrials


async def test_each_record_is_appended_once_and_known() -> None:
    appended: list[tuple[str, list[Any]]] = []
    case = SourceCase(
        source=w.ListSource([]), append=lambda *what: appended.append(what), record=lambda n: -n
    )
    trials = SourceTrials(case, "somewhere")
    assert await trials.partitions() == ["list"]
    await trials.append("list", 2)
    await trials.append("other", 1)
    assert appended == [("list", [0, -1]), ("other", [-2])]
    assert trials.sent == {"list": [0, -1], "other": [-2]}
    trials.forgotten.add("list")
    assert trials.whole(["list", "other"]) == "other"
