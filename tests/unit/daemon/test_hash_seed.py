"""How a process executes itself once more, so that Python's `hash` has one seed on all workers."""

import pytest

import wallarood as w
from wallarood.daemon.hash_seed import again, with_hash_seed


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["-m", "wallarood", "run"], ["-m", "wallarood", "run"]),
        (["-I", "/usr/bin/wallarood", "run", "-E"], ["-sP", "/usr/bin/wallarood", "run", "-E"]),
        (["-E", "-B", "wallarood", "run"], ["-B", "wallarood", "run"]),
    ],
)
def test_the_arguments_stay_but_the_seed_is_not_ignored(
    flags: list[str], expected: list[str]
) -> None:
    assert again({}, flags) == ({"PYTHONHASHSEED": "0"}, expected)


def test_where_variables_are_ignored_only_the_seed_is_let_through() -> None:
    environment = {"PATH": "/bin", "PYTHONPATH": "/evil", "PYTHONHASHSEED": "random"}
    assert again(environment, ["-I", "x"])[0] == {"PATH": "/bin", "PYTHONHASHSEED": "0"}
    assert again(environment, ["x"])[0]["PYTHONPATH"] == "/evil"
    assert again({"PYTHONHASHSEED": "7"}, ["-I", "x"])[0] == {"PYTHONHASHSEED": "7"}


@pytest.mark.parametrize(("seed", "more"), [("0", ()), ("7", ("PYTHONHASHSEED 7",))])
def test_a_seed_of_the_operators_own_is_part_of_the_fingerprint(
    monkeypatch: pytest.MonkeyPatch, seed: str, more: tuple[str, ...]
) -> None:
    application = w.application("a", w.source("in", w.ListSource([1])).to_sink(w.ListSink([])))
    monkeypatch.setenv("PYTHONHASHSEED", seed)
    found = with_hash_seed(application).fingerprint
    assert found == (*application.fingerprint, *more)
