"""URLs of HTTP servers: what is shown of them, and what is refused."""

from pathlib import Path

import pytest

from wallarood.connectors.http.url import Url
from wallarood.model.errors import ApplicationError, ConfigurationError


def test_what_may_be_a_secret_is_not_shown() -> None:
    url = Url("https://user:sesame@host:8443/path?key=sesame#x", headers={"X": "sesame"})
    assert str(url) == "https://host:8443/path"
    assert "sesame" not in repr(url)
    with pytest.raises(ApplicationError, match="would be shown") as error:
        url.check("HttpSink")
    assert "sesame" not in error.value.message


def test_host_and_target_are_as_a_request_has_them() -> None:
    url = Url("http://[::1]:8080/a/b?c=d")
    assert (url.host, url.port, url.authority, url.target) == (
        "::1",
        8080,
        "[::1]:8080",
        "/a/b?c=d",
    )
    url = Url("wss://host", schemes=("ws", "wss"))
    assert (url.port, url.authority, url.target, url.is_encrypted) == (443, "host", "/", True)


def test_secret_headers_stand_on_one_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    url = Url("http://host/", headers={"A": "b"}, secrets={"X-Key": str(file)})
    with pytest.raises(ConfigurationError, match=r"http://host/: .*secret: No such file"):
        url.all_headers()
    file.write_text("sesame\n")
    assert url.all_headers() == [("A", "b"), ("X-Key", "sesame")]
    assert url.masked("no sesame here") == "no … here"
    file.write_text("one\nX-Other: two\n")
    with pytest.raises(ConfigurationError, match="expected one line of ASCII"):
        url.all_headers()
