"""What `wallarood check --upgrade` says of a copy of a state directory is what a cluster says."""

import shutil
from pathlib import Path

import pytest
from support.command import wallarood
from support.rests import check_counted
from support.upgrading import WORKERS, Upgraded, upgraded
from support.versions import DROPS
from support.versions import RESTS_FIRST as FIRST
from support.versions import RESTS_SECOND as SECOND

pytestmark = pytest.mark.long

ALPHA = WORKERS[0]
MADE = """
class Made(Counted):
    def __init__(self):
        super().__init__(0)

def of_seen"""
REFUSED = {
    "computation 'seen': it is no computation of the new version: say --drop 'seen'": (
        SECOND.replace('was={"counted": "seen", ', "was={")
    ),
    "source 'numbers': it is no source of the new version: say --drop 'numbers'": (
        SECOND.replace(', "naturals": "numbers"', "")
    ),
}
"""New versions that cannot follow the first by their names, and what is said of them."""
ABANDONED = {
    "cannot be migrated from version 1 to 2: migrate= raised AttributeError": (
        SECOND.replace("Counted(stored.count)", "Counted(stored.amount)")
    ),
    "cannot be migrated from version 1 to 2: migrate= returned int, and the state is": (
        SECOND.replace("return Counted(stored.count)", "return stored.count")
        .replace("state=lambda: Counted(0)", "state=Made")
        .replace("def of_seen", MADE)
    ),
    "cannot be restored": (
        FIRST.replace("class Seen", "class Gone")
        .replace("state=Seen", "state=Gone")
        .replace("state: Seen", "state: Gone")
        .replace("    numbers.to(total)", "    #")
    ),
}
"""Those that cannot read what is stored."""


def check(laptop: Path, version: str) -> tuple[int, str]:
    (laptop / "app.py").write_text(version)
    done = wallarood("check", "app.py", "--upgrade", "--state-directory", "state", cwd=laptop)
    return done.returncode, done.stderr


def test_whatever_a_cluster_refuses_a_copy_of_the_state_directory_tells_before(
    tmp_path: Path,
) -> None:
    laptop = tmp_path / "laptop"
    laptop.mkdir()
    with upgraded(tmp_path, FIRST, (ALPHA,)) as cluster:
        cluster.orders("upgrade", *DROPS)
        cluster.stop(ALPHA)
        shutil.copytree(cluster.workers[ALPHA].state, laptop / "state")
        for words, version in (REFUSED | ABANDONED).items():
            code, said = check(laptop, version)
            assert code == 65
            assert words in said
            told = cluster.told
            start(cluster, version)
            cluster.waits_for(words, told)
            if words in REFUSED:
                assert cluster.workers[ALPHA].wait() == 76
            else:
                cluster.shows(ALPHA, "the upgrade was abandoned")
                cluster.stop(ALPHA)
        assert check(laptop, SECOND) == (0, "")
        start(cluster, SECOND)
        cluster.until(2)
        cluster.end()
    check_counted(tmp_path)


def start(cluster: Upgraded, version: str) -> None:
    cluster.install(version)
    cluster.start(ALPHA)
