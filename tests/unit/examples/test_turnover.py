"""turnover adds up each country for itself, and puts bad rows aside."""

import csv
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from wallarood.examples.samples import BAD_ORDERS, ORDERS
from wallarood.examples.turnover import Order, Turnover, app
from wallarood.testing import run


def test_every_country_has_its_own_total(tmp_path: Path) -> None:
    orders = [
        Order(1, "AT", Decimal("2.50")),
        Order(2, "DE", Decimal(7), Decimal("0.5")),
        Order(3, "AT", Decimal("0.10")),
    ]
    result = run(app(["--output", str(tmp_path)]), {"orders": orders})
    assert result["turnover"] == [
        Turnover("AT", 1, Decimal("2.50")),
        Turnover("DE", 1, Decimal("6.5")),
        Turnover("AT", 2, Decimal("2.60")),
    ]


def test_rows_that_are_wrong_are_put_aside_with_their_lines(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wallarood", "run", "wallarood.examples.turnover"]
    subprocess.run([*command, "--exit-on-completion"], cwd=tmp_path, check=True, timeout=60)
    [turnover] = (tmp_path / "turnover").glob("[!.]*.csv")
    with turnover.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ORDERS - BAD_ORDERS
    french = [row for row in rows if row["country"] == "FR"]
    assert max(int(row["orders"]) for row in french) == len(french) > 1000
    [bad] = (tmp_path / "turnover" / "bad-rows").glob("[!.]*")
    letters = [json.loads(line) for line in bad.read_text().splitlines()]
    every = ORDERS // BAD_ORDERS
    assert [each["line"] for each in letters] == [1 + every * n for n in range(1, BAD_ORDERS + 1)]
