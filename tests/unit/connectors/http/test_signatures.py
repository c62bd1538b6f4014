"""What shows that the sender of a request knows the secret."""

import hmac
from hashlib import sha256
from pathlib import Path

import pytest

from wallarood.connectors.http.signatures import Verifier, secrets_in
from wallarood.model.errors import ConfigurationError

SECRET = b"It's a Secret to Everybody"
BODY = b"Hello, World!"
NOW = 1_700_000_000.0


def signed(body: bytes, secret: bytes = SECRET) -> str:
    return hmac.new(secret, body, sha256).hexdigest()


def stripe(body: bytes, *, at: int, secret: bytes = SECRET) -> str:
    return f"t={at},v1={signed(str(at).encode() + b'.' + body, secret)},v0=6ffb"


def test_the_example_of_github_is_good() -> None:
    given = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert Verifier("github", [SECRET]).fault({"x-hub-signature-256": given}, BODY, NOW) == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "no signature"),
        ("sha1=757107", "no signature"),
        ("sha256=", "no signature"),
        ("sha256=" + "0" * 64, "wrong signature"),
        ("sha256=\xff\xfe", "wrong signature"),
        (f"sha256={signed(BODY, b'another')}", "wrong signature"),
        (f"sha256={signed(b'Hello, World?')}", "wrong signature"),
    ],
)
def test_github_is_refused_without_the_right_signature(given: str, said: str) -> None:
    fault = Verifier("github", [SECRET]).fault({"x-hub-signature-256": given}, BODY, NOW)
    assert fault.startswith(said)
    assert SECRET.decode() not in fault


def test_each_of_several_secrets_is_good_while_one_replaces_another() -> None:
    verifier = Verifier("github", [b"new", SECRET])
    for secret in (b"new", SECRET):
        given = {"x-hub-signature-256": f"sha256={signed(BODY, secret)}"}
        assert verifier.fault(given, BODY, NOW) == ""


def test_stripe_is_good_within_its_tolerance_only() -> None:
    verifier = Verifier("stripe", [SECRET], tolerance_s=300)
    at = int(NOW)

    def fault(given: str, now: float = NOW) -> str:
        return verifier.fault({"stripe-signature": given}, BODY, now)

    assert fault(stripe(BODY, at=at)) == ""
    assert fault(stripe(BODY, at=at), NOW + 299) == ""
    assert "more than 300 s from now" in fault(stripe(BODY, at=at), NOW + 301)
    assert "more than 300 s from now" in fault(stripe(BODY, at=at), NOW - 301)
    # another time than the one that was signed
    assert "wrong signature" in fault(stripe(BODY, at=at).replace(f"t={at}", f"t={at + 9}"))
    # of two signatures one is right, as when a secret is replaced
    assert fault(f"t={at},v1={'0' * 64},{stripe(BODY, at=at).partition(',')[2]}") == ""


@pytest.mark.parametrize(
    "given", ["", "t=1", "v1=00", "t=1,t=2,v1=00", "t=-1,v1=00", "t=1e9,v1=00", "t=²,v1=00", ",,="]
)
def test_what_is_no_signature_of_stripe_is_refused(given: str) -> None:
    assert Verifier("stripe", [SECRET]).fault({"stripe-signature": given}, BODY, NOW)


def test_a_token_is_compared_as_a_whole() -> None:
    verifier = Verifier("bearer", [b"open sesame"])
    assert verifier.fault({"authorization": "Bearer open sesame"}, BODY, NOW) == ""
    assert verifier.fault({"authorization": "bearer open sesame"}, BODY, NOW) == ""
    assert verifier.fault({"authorization": "Bearer open"}, BODY, NOW) == "wrong token"
    assert verifier.fault({"authorization": "Basic open sesame"}, BODY, NOW).startswith("no token")
    assert verifier.fault({}, BODY, NOW).startswith("no token")


def test_secrets_stand_in_a_file_one_a_line_and_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("one\n\n two \n")
    assert secrets_in(str(file), "HttpSource") == [b"one", b"two"]
    assert "one" not in repr(Verifier("github", secrets_in(str(file), "HttpSource")))
    file.write_text("\n")
    with pytest.raises(ConfigurationError, match="is empty: expected a secret on each line"):
        secrets_in(str(file), "HttpSource")
    with pytest.raises(ConfigurationError, match="No such file"):
        secrets_in(str(tmp_path / "none"), "HttpSource")
