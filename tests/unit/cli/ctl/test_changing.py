"""`wallarooctl shrink`: one way to say who leaves, and what would move is shown in words."""

import pytest
from support.admin_sockets import Workers

from wallarood.cli.ctl import main
from wallarood.cli.ctl.changing import shown


@pytest.mark.parametrize("arguments", [[], ["beta", "--to", "2"]])
def test_it_takes_names_or_a_count(
    workers: Workers, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    workers.start("alpha")
    assert main(["shrink", *arguments]) == 76
    assert "expected the names of workers, or --to N, and not both" in capsys.readouterr().err


def test_evict_takes_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evict"]) == 64
    assert "NAME" in capsys.readouterr().err


def test_a_plan_is_shown_in_words() -> None:
    plan = {
        "leaving": ["gamma"],
        "staying": ["alpha", "beta"],
        "slots": 256,
        "moving": 85,
        "moves": [
            {"stage": "count", "from": "gamma", "to": "alpha", "slots": 43, "partitions": []},
            {"stage": "in", "from": "gamma", "to": "beta", "slots": 0, "partitions": ["a", "b"]},
            {"stage": "all", "from": "gamma", "to": "beta", "slots": 0, "partitions": []},
        ],
    }
    assert shown(plan) == [
        "leaving: gamma; staying: alpha, beta",
        "85 of 256 slots would move",
        "  count: 43 slots from gamma to alpha",
        "  in: 2 partitions from gamma to beta",
        "  all: all of it from gamma to beta",
        "sources pause while it is moved; nothing would be lost",
    ]
