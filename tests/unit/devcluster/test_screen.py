"""The live line of `dev` and `demo`."""

import pytest

from wallarood.devcluster.cluster import View
from wallarood.devcluster.screen import ERASE_LINE, Screen


def test_there_is_a_live_line_before_any_worker_answers(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(("alpha", "beta"), live=True, colours=False).view(View())
    assert capsys.readouterr().err == f"{ERASE_LINE}starting 2 workers"
