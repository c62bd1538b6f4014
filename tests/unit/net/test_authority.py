"""An authority: made once, for its owner, and its certificates name who and until when."""

from pathlib import Path

import pytest

from wallarood.cli.main import main
from wallarood.model.errors import KeyRefusedError
from wallarood.net import authority


def test_a_certificate_that_expired_or_is_another_workers_is_named(tmp_path: Path) -> None:
    ca, out = tmp_path / "ours", tmp_path / "ours-alpha"
    authority.make_authority(ca)
    authority.issue(ca, "alpha", out, days=20)
    path = tmp_path / "ours-alpha" / "worker.crt"
    assert 19 < authority.check_certificate(path, "alpha") < 20
    with pytest.raises(KeyRefusedError, match="it belongs to 'alpha', but this worker is 'beta'"):
        authority.check_certificate(path, "beta")
    authority.issue(ca, "alpha", out, days=-3)
    with pytest.raises(KeyRefusedError, match="expired 3 days ago"):
        authority.check_certificate(path, "alpha")


def test_keys_are_for_their_owner_and_an_authority_is_made_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ca, out = tmp_path / "ca", tmp_path / "alpha"
    assert main(["keys", "init", "--authority", str(ca)]) == 0
    assert main(["keys", "init", "--authority", str(ca)]) == 73
    assert main(["keys", "issue", "alpha", "--authority", str(ca), "--out", str(out)]) == 0
    modes = {each.name: each.stat().st_mode & 0o777 for each in (*ca.iterdir(), *out.iterdir())}
    assert modes == {
        "ca.key": 0o600,
        "cluster.key": 0o600,
        "worker.key": 0o600,
        "ca.crt": 0o644,
        "worker.crt": 0o644,
    }
    capsys.readouterr()
    assert main(["keys", "show", str(out / "worker.crt"), str(out / "ca.crt")]) == 0
    shown = capsys.readouterr().out
    assert "worker.crt: alpha, until " in shown
    assert "(an authority)" in shown
    assert main(["keys", "issue", "alpha", "--authority", str(tmp_path / "none")]) == 77
    assert main(["keys", "issue", "a/b", "--authority", str(ca)]) == 64
