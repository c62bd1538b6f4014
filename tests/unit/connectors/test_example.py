"""The connector that wallarood-connectors(7) shows is the one that the kit has proven."""

from pathlib import Path

TESTS = Path(__file__).parents[2]
PAGE = TESTS.parent / "man" / "wallarood-connectors.7"


def test_the_page_shows_the_connector_of_60_lines() -> None:
    source = (TESTS / "support" / "ledger_sink.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) == 60
    examples = PAGE.read_text(encoding="utf-8").split(".EX\n")[1:]
    plain = [
        each.split(".EE\n")[0].replace("\\-", "-").replace("\\&", "").replace("\\\\", "\\")
        for each in examples
    ]
    assert source in plain
