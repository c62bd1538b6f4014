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


def test_every_alert_has_its_place_in_the_manual_and_none_other_has() -> None:
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))
    told = re.findall(r"^\.B (Wallarood\w+)$", PAGE.read_text(encoding="utf-8"), re.M)
    assert len(alerts) >= 12
    assert sorted(told) == sorted(alerts)


def test_every_panel_of_the_dashboard_asks_for_something() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len(panels) >= 12
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    assert len({panel["id"] for panel in panels}) == len(panels)
