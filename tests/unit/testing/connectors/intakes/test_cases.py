"""Records that are sent until they are acknowledged, and what must be read of them."""

from pathlib import Path

import pytest

import wallarood as w
from wallarood.testing.connectors.intakes.cases import IntakeCase, IntakeTrials


def test_a_record_that_nothing_is_known_of_is_sent_again(tmp_path: Path) -> None:
    tried: list[str] = []

    def send(record: str) -> None:
        tried.append(record)
        if len(tried) == 2:
            raise ConnectionError("lost")

    case = IntakeCase(source=w.HttpSource("127.0.0.1:0"), send=send, seen=str.upper)
    trials = IntakeTrials(case, tmp_path)
    trials.send(2)
    assert tried == ["record 0", "record 1", "record 1"]
    assert trials.due == ["RECORD 0", "RECORD 1"]


def test_a_source_that_acknowledges_nothing_is_said(tmp_path: Path) -> None:
    def send(_: str) -> None:
        raise ConnectionError("lost")

    case = IntakeCase(source=w.HttpSource("127.0.0.1:0"), send=send, patience_s=0.1)
    with pytest.raises(AssertionError, match="nothing is acknowledged any more"):
        IntakeTrials(case, tmp_path).send_one()
