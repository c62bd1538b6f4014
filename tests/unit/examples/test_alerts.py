"""alerts parts readings far from the mean from all others, and loses none."""

from pathlib import Path

from wallarood.examples.alerts import Reading, app
from wallarood.testing import run


def test_a_reading_far_from_the_mean_is_an_alert(tmp_path: Path) -> None:
    celsius = [20.0, 21.0, 40.0, 22.0]
    readings = [Reading(number, each) for number, each in enumerate(celsius)]
    result = run(app(["--output", str(tmp_path)]), {"sensor": readings})
    assert [(each.number, each.distance) for each in result["alerts"]] == [(2, 19.5)]
    assert [each.number for each in result["normal"]] == [0, 1, 3]
