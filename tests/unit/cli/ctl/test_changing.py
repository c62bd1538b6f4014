"""`wallarooctl shrink`: one way to say who leaves, and what would move is shown in words."""

import pytest
from support.admin_sockets import Workers

from wallarood.admin.status import JobState, Status
from wallarood.cli.ctl import main
from wallarood.cli.ctl.changing import has_forgotten, shown


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


@pytest.mark.parametrize(
    ("job", "epoch", "uptime_s", "moving", "forgotten"),
    [
        (JobState.RUNNING, 2, 3.0, "", True),
        (JobState.RUNNING, 2, 60.0, "", False),
        (JobState.RUNNING, 3, 3.0, "", False),
        (JobState.RECOVERING, 2, 3.0, "", False),
        (JobState.RUNNING, 2, 3.0, "moving 1 of 2 slots to beta: 0 %", False),
    ],
)
def test_a_worker_that_restarted_has_forgotten_what_it_was_asked(
    job: JobState, epoch: int, uptime_s: float, moving: str, forgotten: bool
) -> None:
    status = Status("alpha", "1", job, job.value, uptime_s, epoch=epoch, moving=moving)
    assert has_forgotten(status, 2, 30.0) is forgotten
