"""`wallarood check --upgrade` reads what a cluster has stored with the classes of a new version."""

import shutil
from pathlib import Path

import attrs
import pytest
from support.command import wallarood
from support.retained import keep

from wallarood.model.checkpoint import CheckpointId
from wallarood.model.cluster_record import ClusterRecord, WayBack
from wallarood.storage.state_directory import StateDirectory, open_state_directory

FIRST = """
import wallarood as w

class Total:
    def __init__(self):
        self.euros = 0.0

@w.computation
def pair(line: str) -> tuple[str, float]:
    name, euros = line.split()
    return name, float(euros)

@w.computation
def name(pair: tuple[str, float]) -> str:
    return pair[0]

@w.state_computation(state=Total)
def total(pair: tuple[str, float], total: Total) -> str:
    total.euros += pair[1]
    return f"{pair[0]} {total.euros}"

app = w.application(
    "totals",
    w.source("payments", w.FileSource("payments.txt")).to(pair).key_by(name).to(total)
    .to_sink(w.FileSink("out")),
)
"""
SECOND = (
    FIRST.replace("self.euros = 0.0", "self.cents = 0")
    .replace("total.euros += pair[1]", "total.cents += round(pair[1] * 100)")
    .replace("{total.euros}", "{total.cents}")
    .replace("def total(", "def sums(")
    .replace(".to(total)", ".to(sums)")
    .replace('source("payments"', 'source("paid"')
    .replace('FileSink("out")),', 'FileSink("out")), was={"sums": "total", "paid": "payments"},')
    .replace("(state=Total)", "(state=Total, version=2, migrate=in_cents)")
    .replace(
        "@w.computation\ndef pair",
        "def in_cents(stored, version):\n    made = Total()\n"
        "    made.cents = round(stored.euros * 100)\n    return made\n\n@w.computation\ndef pair",
    )
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the state of a cluster that has run the first version."""
    path = tmp_path_factory.mktemp("upgrade")
    (path / "payments.txt").write_text("ann 1.5\nbob 2\nann 0.25\n")
    (path / "app.py").write_text(FIRST)
    done = wallarood(
        *("run", "app.py", "--state-directory", "state", "--worker-name", "alpha"),
        *("--topology-initializer", "--exit-on-completion", "--control-channel", "127.0.0.1:0"),
        cwd=path,
    )
    assert done.returncode == 0, done.stderr
    return path


def check(path: Path, version: str, *flags: str) -> tuple[int, str, str]:
    (path / "app.py").write_text(version)
    flags = ("--state-directory", "state", *flags)
    done = wallarood("check", "app.py", "--upgrade", *flags, cwd=path)
    return done.returncode, done.stdout, done.stderr


def test_a_version_that_renames_and_migrates_takes_all_over(cluster: Path) -> None:
    status, said, wrong = check(cluster, SECOND)
    assert status == 0, wrong
    lines = said.splitlines()
    assert "computation 'sums': renamed, it was 'total'" in lines
    assert "source 'paid': renamed, it was 'payments'" in lines
    assert "sink 'file-sink': kept" in lines
    assert any(line.startswith("from epoch 1 of ") for line in lines)


def test_what_is_stored_and_cannot_be_read_is_named_with_its_key(cluster: Path) -> None:
    broken = SECOND.replace("stored.euros * 100", "stored.dollars * 100")
    status, _, wrong = check(cluster, broken)
    assert status == 65
    assert "the state of computation 'sums' for key 'ann' cannot be migrated" in wrong
    assert "'Stored' object has no attribute 'dollars'" in wrong


def test_a_step_that_is_gone_must_be_dropped(cluster: Path) -> None:
    gone = SECOND.replace('"sums": "total", ', "")
    status, _, wrong = check(cluster, gone)
    assert status == 65
    assert "computation 'total': it is no computation of the new version: say --drop" in wrong
    status, said, _ = check(cluster, gone, "--drop", "total")
    assert status == 0
    assert "computation 'sums': new, it starts empty" in said
    assert "computation 'total': gone, what is kept of it is dropped" in said


def copied(cluster: Path, path: Path) -> tuple[StateDirectory, ClusterRecord]:
    """All of *cluster* once more in *path*: its state directory, open, and its record."""
    shutil.copytree(cluster, path, dirs_exist_ok=True)
    state = open_state_directory(path / "state")
    record = state.load_record()
    assert record is not None
    return state, record


MISTAKES = {
    "a state is gone": (
        SECOND.replace('"sums": "total", ', ""),
        "computation 'total': it is no computation of the new version: say --drop 'total'",
    ),
    "a source is gone": (
        SECOND.replace(', "paid": "payments"', ""),
        "source 'payments': it is no source of the new version: say --drop 'payments'",
    ),
    "a class is gone": (
        FIRST.replace("class Total", "class Sum")
        .replace("state=Total", "state=Sum")
        .replace("total: Total", "total: Sum"),
        "the state of computation 'total' for key 'ann' cannot be restored",
    ),
    "it cannot be migrated": (
        SECOND.replace("stored.euros * 100", "stored.dollars * 100"),
        "the state of computation 'sums' for key 'ann' cannot be migrated from version 1 to 2",
    ),
    "partitions are others": (
        SECOND.replace("version=2,", "version=2, partitions=16,"),
        "it had 256 partitions and has 16 partitions now",
    ),
}
"""New versions that cannot follow the first, and what is said of each."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_copy_of_the_state_directory_tells_what_a_cluster_would_refuse(
    cluster: Path, tmp_path: Path, mistake: str
) -> None:
    version, words = MISTAKES[mistake]
    shutil.copytree(cluster, tmp_path, dirs_exist_ok=True)
    status, _, wrong = check(tmp_path, version)
    assert status == 65
    assert words in wrong


def test_what_the_cluster_was_told_to_drop_is_dropped_and_nothing_else(
    cluster: Path, tmp_path: Path
) -> None:
    state, record = copied(cluster, tmp_path)
    store = state.open_checkpoints(record.cluster_id)
    keep(store, "upgrade --drop total", store.committed.number)
    store.close()
    state.close()
    gone = SECOND.replace('"sums": "total", ', "")
    status, said, wrong = check(tmp_path, gone)
    assert status == 0, wrong
    assert "computation 'total': gone, what is kept of it is dropped" in said
    status, _, wrong = check(tmp_path, gone, "--drop", "total", "--drop", "payments")
    assert status == 65
    assert "waits for a version that drops 'total', and --drop says 'total', 'payments'" in wrong


def test_without_a_cluster_there_is_nothing_to_upgrade_from(tmp_path: Path) -> None:
    (tmp_path / "payments.txt").write_text("")
    status, _, wrong = check(tmp_path, FIRST)
    assert status == 78
    assert "holds no cluster: there is nothing to upgrade from" in wrong


def test_the_version_before_an_upgrade_is_known_and_need_not_take_anything_over(
    cluster: Path, tmp_path: Path
) -> None:
    state, record = copied(cluster, tmp_path)
    way = WayBack(record.fingerprint, record.topology, CheckpointId(1, 1))
    state.save_record(attrs.evolve(record, fingerprint=("another",), back=way))
    state.close()
    status, said, wrong = check(tmp_path, FIRST)
    assert status == 0, wrong
    assert "wallarooctl upgrade --back goes back to its checkpoint 1.1" in said
