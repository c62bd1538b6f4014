"""The manual, the rules and the dashboard name the metrics that there are."""

import json
import re
from pathlib import Path

import pytest

from wallarood.admin.metrics.manual import written
from wallarood.admin.metrics.names import METRICS, Form

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "man" / "wallarood-metrics.7"
RULES = ROOT / "packaging" / "prometheus" / "wallarood.rules.yml"
RUNBOOK = ROOT / "man" / "wallarood-runbook.7"
DASHBOARD = ROOT / "packaging" / "grafana" / "wallarood.json"


def test_the_page_is_that_of_the_code() -> None:
    """Else: python -m wallarood.admin.metrics.manual man/wallarood-metrics.7."""
    page = PAGE.read_text(encoding="utf-8")
    assert written(page) == page
    with pytest.raises(ValueError, match="no marks"):
        written("a page without")


@pytest.mark.parametrize("path", [RULES, DASHBOARD], ids=["rules", "dashboard"])
def test_what_is_shipped_asks_for_metrics_that_there_are(path: Path) -> None:
    names = {metric.full_name for metric in METRICS}
    names |= {f"{m.full_name}_bucket" for m in METRICS if m.form is Form.HISTOGRAM}
    asked = set(re.findall(r"\bwallarood_[a-z_]+", path.read_text(encoding="utf-8")))
    assert asked
    assert asked - names == set()


def test_every_alert_leads_to_its_section_of_the_runbook_and_there_is_no_other() -> None:
    rules = RULES.read_text(encoding="utf-8")
    alerts = re.findall(r"- alert: (\w+)", rules)
    leads_to = re.findall(r'runbook_url: "man:wallarood-runbook\(7\)#(\w+)"', rules)
    assert len(alerts) >= 12
    assert leads_to == alerts
    assert re.findall(r"^\.SH (Wallarood\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.M) == alerts
    named = re.findall(r"\bWallarood\w+", PAGE.read_text(encoding="utf-8"))
    assert sorted(named) == sorted(alerts)


def test_every_section_of_the_runbook_says_when_the_alert_ends_and_begins_with_a_look() -> None:
    _, *sections = re.split(
        r"^\.SH Wallarood\w+\n", RUNBOOK.read_text(encoding="utf-8"), flags=re.M
    )
    for section in sections:
        assert "\nThe alert ends " in section
        assert section.count("\n.EX\n") >= 1


def test_every_panel_of_the_dashboard_asks_for_something() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len(panels) >= 12
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_all_that_is_known_of_connectors_has_a_panel() -> None:
    asked = set(re.findall(r"\bwallarood_[a-z_]+", DASHBOARD.read_text(encoding="utf-8")))
    known = {m.full_name for m in METRICS if m.name.startswith(("source_", "sink_"))}
    assert len(known) > 12
    assert known - asked == set()
