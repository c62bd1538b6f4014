"""running_totals adds up each account for itself."""

from pathlib import Path

from wallarood.examples.running_totals import Balance, Payment, app
from wallarood.testing import run


def test_every_account_has_its_own_total(tmp_path: Path) -> None:
    payments = [Payment("a", 5), Payment("b", 7), Payment("a", 3)]
    result = run(app(["--output", str(tmp_path)]), {"payments": payments})
    of_a = [each for each in result["balances"] if each.account == "a"]
    assert of_a == [Balance("a", 1, 5), Balance("a", 2, 8)]
    assert Balance("b", 1, 7) in result["balances"]
