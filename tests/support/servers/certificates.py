"""Certificates of servers that a test makes: a good one, and some that no client may take."""

import datetime
import ipaddress
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
PEM = serialization.Encoding.PEM


@attrs.frozen
class Certificate:
    """The files of one: the certificate, its key, and both together."""

    chain: Path
    key: Path
    both: Path


@attrs.frozen
class Certificates:
    """In a directory: of this host, of this host and expired, and of another host.

    `ca` is who has signed them, `other_ca` somebody else.
    """

    ca: Path
    other_ca: Path
    good: Certificate
    expired: Certificate
    elsewhere: Certificate

    @classmethod
    def made_in(cls, directory: Path) -> "Certificates":
        """New ones."""
        directory.mkdir(parents=True, exist_ok=True)
        key = _key()
        ca = _signed("ca", "ca", key, signer=key, until_days=10)
        here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        there = [x509.DNSName("elsewhere.example")]
        made = {}
        for name, names, days in (("good", here, 10), ("expired", here, -1), ("else", there, 10)):
            own = _key()
            certificate = _signed(name, "ca", own, signer=key, names=names, until_days=days)
            private = own.private_bytes(
                PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            made[name] = Certificate(
                _written(directory / f"{name}.crt", certificate.public_bytes(PEM)),
                _written(directory / f"{name}.key", private),
                _written(directory / f"{name}.pem", private + certificate.public_bytes(PEM)),
            )
        other = _key()
        return cls(
            _written(directory / "ca.crt", ca.public_bytes(PEM)),
            _written(
                directory / "other.crt",
                _signed("other", "other", other, signer=other, until_days=10).public_bytes(PEM),
            ),
            made["good"],
            made["expired"],
            made["else"],
        )


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _signed(
    name: str,
    issuer: str,
    key: rsa.RSAPrivateKey,
    *,
    signer: rsa.RSAPrivateKey,
    until_days: int,
    names: list[x509.GeneralName] | None = None,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    building = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 20 * DAY)
        .not_valid_after(now + until_days * DAY)
        .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names is not None:
        building = building.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return building.sign(signer, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path
