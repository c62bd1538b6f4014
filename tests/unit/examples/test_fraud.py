"""fraud finds cards that are used too often or in two countries, whatever the order of payments."""

from datetime import UTC, datetime
from pathlib import Path

from wallarood.examples.fraud import Payment, app
from wallarood.testing import feed, run, run_with_crashes

SECOND = 1_000_000


def payments(*facts: tuple[int, str]) -> list[Payment]:
    return [
        Payment(number, 7, country, seconds * SECOND)
        for number, (seconds, country) in enumerate(facts)
    ]


def reasons(tmp_path: Path, read: list[Payment]) -> list[tuple[int, str]]:
    application = app(["--output", str(tmp_path)])
    script = [feed("payments", each) for each in read]
    found = run(application, script, start=datetime(1970, 1, 2, tzinfo=UTC))["alerts"]
    assert run_with_crashes(application, {"payments": read}, every=2)["alerts"] == found
    return [(alert.payment, alert.reason) for alert in found]


def test_four_payments_in_a_minute_are_an_alert(tmp_path: Path) -> None:
    read = payments((0, "DE"), (20, "DE"), (40, "DE"), (59, "DE"), (90, "DE"))
    assert reasons(tmp_path, read) == [(3, "4 payments in a minute")]


def test_two_countries_in_ten_minutes_are_an_alert_and_later_are_not(tmp_path: Path) -> None:
    read = payments((0, "DE"), (599, "FR"), (1300, "DE"))
    assert reasons(tmp_path, read) == [(1, "used in DE and FR")]


def test_payments_are_judged_by_their_time_and_not_as_they_come(tmp_path: Path) -> None:
    read = payments((0, "DE"), (59, "DE"), (40, "DE"), (20, "DE"))
    assert reasons(tmp_path, read) == [(1, "4 payments in a minute")]
