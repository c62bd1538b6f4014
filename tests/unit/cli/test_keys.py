"""`wallarood keys` makes what the workers of a cluster need, and shows until when it is good."""

from pathlib import Path

import pytest

from wallarood.cli.main import main


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_authority_is_made_and_issues_what_each_worker_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "init"]) == 0
    assert main(["keys", "issue", "beta", "--out", "for-beta", "--days", "10"]) == 0
    said = capsys.readouterr().out.splitlines()
    made = {each.name for each in (tmp_path / "for-beta").iterdir()}
    assert made == {"ca.crt", "cluster.key", "worker.crt", "worker.key"}
    assert all(Path(line).exists() for line in said)
    assert main(["keys", "show", "for-beta/worker.crt", "for-beta/ca.crt"]) == 0
    worker, authority = capsys.readouterr().out.splitlines()
    assert worker.startswith("for-beta/worker.crt: beta, until ")
    assert worker.endswith((", 10 days left", ", 9 days left"))
    assert "(an authority)" in authority


def test_without_an_authority_nothing_is_issued(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "issue", "beta"]) != 0
    assert "wallarood-authority" in capsys.readouterr().err
    assert not (tmp_path / "beta").exists()


def test_what_is_no_certificate_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.crt").write_text("no certificate")
    assert main(["keys", "show", "x.crt"]) != 0
    assert "x.crt" in capsys.readouterr().err
