"""Client libraries that may be missing, or older than those that are needed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from wallarood.connectors.extra import OLDEST, imported, needed
from wallarood.model.errors import ApplicationError

CLIENTS = (
    *("confluent_kafka", "hiredis", "paho", "psycopg", "pyarrow", "obstore", "duckdb", "fastavro"),
    *("google.protobuf", "numpy"),
)


def test_a_missing_one_is_named_with_its_extra() -> None:
    with pytest.raises(ApplicationError, match=r"no_such_client.*pip install 'wallarood\[kafka\]'"):
        imported("no_such_client.admin", extra="kafka", owner="KafkaSource")


def test_one_that_is_needed_is_not_imported() -> None:
    needed("msgspec.json", extra="kafka", owner="KafkaSource")
    with pytest.raises(ApplicationError, match=r"no_such_client.*pip install 'wallarood\[kafka\]'"):
        needed("no_such_client.admin", extra="kafka", owner="KafkaSource")


def installed(directory: Path, version: str) -> None:
    """A package duckdb of that version, before the one that is there."""
    (directory / "duckdb").mkdir()
    (directory / "duckdb" / "__init__.py").touch()
    about = directory / f"duckdb-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: duckdb\nVersion: {version}\n")


@pytest.mark.parametrize(
    ("version", "is_new"),
    [("0.9.2", False), ("1.1.9", False), ("1.2", True), ("1.10.0rc1", True), ("2", True)],
)
def test_one_that_is_too_old_is_named_with_its_version(
    tmp_path: Path, version: str, is_new: bool
) -> None:
    """As in a process that finds what a distribution has."""
    installed(tmp_path, version)
    program = (
        "from wallarood.connectors.extra import imported, needed\n"
        "for each in (needed, imported):\n"
        "    try: each('duckdb', extra='duckdb', owner='DuckDB')\n"
        "    except Exception as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    said = (
        f"DuckDB needs the Python package duckdb in version 1.2 or newer, found {version} in "
        f"{tmp_path}: remove it there, and pip install 'wallarood[duckdb]'\n"
    )
    assert done.stdout.decode() == ("" if is_new else 2 * said)


def test_the_oldest_versions_are_those_that_are_declared() -> None:
    file = Path(__file__).parents[3] / "pyproject.toml"
    project = tomllib.loads(file.read_text())["project"]
    declared = {
        found[1]: found[2]
        for each in project["optional-dependencies"].values()
        for line in each
        if (found := re.match(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", line))
    }
    assert {package: declared[package] for package, _ in OLDEST.values()} == dict(OLDEST.values())


def test_one_that_is_broken_says_so_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_client.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        imported("broken_client", extra="kafka", owner="KafkaSource")


def test_no_client_is_imported_until_a_connector_is_opened() -> None:
    program = (
        "import sys, wallarood as w, wallarood.daemon.main\n"
        "for name in w.__all__: getattr(w, name)\n"
        "codec = w.Avro({'type': 'string'})\n"
        "w.KafkaSource('127.0.0.1:9092', 'words')\n"
        "w.MqttSource('mqtt://127.0.0.1', 'words', client_id='words')\n"
        "w.KafkaSink('127.0.0.1:9092', 'words', format=codec)\n"
        "w.FileSource('in', format='parquet'), w.FileSink('out', format='parquet')\n"
        "w.S3Source('s3://b/in', format='parquet'), w.S3Sink('s3://b/out', format='parquet')\n"
        "w.DuckdbSource('f', 't', columns=['a']), w.DuckdbSink('f', 't', columns=['a'])\n"
        f"print([name for name in {CLIENTS!r} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout == b"[]\n"
