"""Client libraries that may be missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from wallarood.connectors.extra import imported, needed
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
