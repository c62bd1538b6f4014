"""How a local cluster ended: the worker that failed first is named, not those it took along."""

from wallarood.devcluster.outcome import failure


def test_a_cluster_whose_workers_end_well_has_no_failure() -> None:
    outcome = failure({"alpha": 0, "beta": 0}, {})
    assert (outcome.exit_code, outcome.worker, outcome.message) == (0, "", "")


def test_the_failure_that_others_follow_from_is_the_one_that_is_shown() -> None:
    tails = {
        "alpha": ["[info] x", "wallarood: error: lost contact with beta"],
        "beta": ["[info] x", "wallarood: error: disk full:", "  /state"],
        "gamma": ["wallarood: error: the job failed on beta: disk full"],
    }
    outcome = failure({"alpha": 69, "gamma": 73, "beta": 73}, tails)
    assert (outcome.exit_code, outcome.worker) == (73, "beta")
    assert outcome.message == "disk full:\n  /state"


def test_a_worker_ended_by_a_signal_counts_last_and_is_named_by_it() -> None:
    tails = {"beta": ["Traceback", "ValueError: x"]}
    assert failure({"alpha": -9, "beta": 70}, tails).worker == "beta"
    killed = failure({"alpha": -9}, {"alpha": ["[info] running"]})
    assert (killed.exit_code, killed.message) == (137, "ended by SIGKILL")


def test_without_an_error_line_the_end_of_the_log_is_shown() -> None:
    assert failure({"alpha": 1}, {"alpha": ["a", "b"]}).message == "a\nb"
    assert failure({"alpha": 1}, {}).message == "exit code 1"
