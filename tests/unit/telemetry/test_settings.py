"""The section `otel`: what is refused before a worker starts, and what is made of the rest."""

from pathlib import Path
from typing import Any

import pytest
from support.lone import config_of

from wallarood.model.errors import ConfigurationError
from wallarood.telemetry import settings
from wallarood.telemetry.settings import Protocol, TelemetrySettings, telemetry_settings

ENDPOINT = "http://127.0.0.1:4318"


def settings_of(directory: Path, **values: Any) -> TelemetrySettings:
    return telemetry_settings(config_of(directory, otel__endpoint=ENDPOINT, **values), "app")


def test_what_is_sent_says_whose_it_is_and_what_is_configured_counts_more(tmp_path: Path) -> None:
    found = settings_of(tmp_path, otel__resource_attributes=["service.name=orders", "team=a=b"])
    assert found.attributes["service.name"] == "orders"
    assert found.attributes["team"] == "a=b"
    assert found.attributes["service.instance.id"] == "alpha"
    assert found.attributes["wallarood.application"] == "app"
    assert (found.protocol, found.every, found.interval_s) == (Protocol.HTTP, 1000, 10.0)


def test_headers_come_from_a_file_and_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("# the token\nAuthorization: Bearer s3cret\n\nX-Scope-OrgID: 7\n")
    found = settings_of(tmp_path, otel__headers_file=str(file))
    assert found.headers == (("Authorization", "Bearer s3cret"), ("X-Scope-OrgID", "7"))
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    "line", ["s3cret", "a b: s3cret", "Authorization:", ": s3cret", "ü: s3cret"]
)
def test_a_line_that_is_no_header_is_named_by_its_number_alone(tmp_path: Path, line: str) -> None:
    file = tmp_path / "headers"
    file.write_text(f"X-A: 1\n{line}\n")
    with pytest.raises(ConfigurationError, match="line 2: expected NAME: VALUE") as refused:
        settings_of(tmp_path, otel__headers_file=str(file))
    assert "s3cret" not in refused.value.message


@pytest.mark.parametrize("name", ["headers-file", "authority"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    values = {f"otel__{name}": str(tmp_path / "none")}
    with pytest.raises(ConfigurationError, match=rf"^otel.{name}: .*none: No such file"):
        settings_of(tmp_path, **values)


def test_a_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(ConfigurationError, match="there is no certificate in it"):
        settings_of(tmp_path, otel__authority=str(tmp_path / "key"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="it is not text"):
        settings_of(tmp_path, otel__authority=str(tmp_path / "binary"))


def test_an_extra_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = dict.fromkeys(Protocol, "no_such_package.exporter")
    monkeypatch.setattr(settings, "_NEEDED", absent)
    with pytest.raises(ConfigurationError, match=r"pip install 'wallarood\[otel\]'"):
        settings_of(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("endpoint", "127.0.0.1:4318", "expected http://HOST:PORT"),
        ("endpoint", "http://", "expected http://HOST:PORT"),
        ("endpoint", "ftp://a:1", "expected http://HOST:PORT"),
        ("resource_attributes", ["team"], "expected NAME=VALUE"),
        ("resource_attributes", ["=a"], "expected NAME=VALUE"),
        ("batches_every", -1, "found -1"),
        ("protocol", "udp", "expected one of http, grpc"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_configuration(
    tmp_path: Path, key: str, value: Any, expected: str
) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        config_of(tmp_path, **{f"otel__{key}": value})
