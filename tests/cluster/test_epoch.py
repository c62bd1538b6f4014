"""A copy of a state directory from before a change is refused, and changes nothing."""

import shutil
import signal
from pathlib import Path

from support.growing import Growing
from support.rests import check_counted


def test_a_copy_from_before_a_change_is_refused(growing: Growing, tmp_path: Path) -> None:
    growing.until("it runs", 1, "running")
    growing.grow("beta", 2)
    beta = growing.workers["beta"]
    beta.send(signal.SIGTERM)
    assert beta.wait() == 0, beta.said
    copy, newest = tmp_path / "copy", tmp_path / "newest"
    shutil.copytree(beta.state, copy)
    growing.start("beta")
    growing.until("beta is back", 2, "running")
    growing.grow("gamma", 3)
    beta = growing.workers.pop("beta")
    beta.send(signal.SIGTERM)
    assert beta.wait() == 0, beta.said
    beta.state.rename(newest)
    copy.rename(beta.state)
    growing.start("beta")
    refused = growing.workers.pop("beta")
    assert refused.wait() == 76, refused.said
    assert "the cluster is at epoch 3" in refused.said
    assert "its state directory is an older copy; put the newer one back" in refused.said
    shutil.rmtree(refused.state)
    newest.rename(refused.state)
    growing.start("beta")
    growing.until("beta is back", 3, "running")
    growing.end()
    check_counted(tmp_path)
