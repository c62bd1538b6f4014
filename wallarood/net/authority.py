"""A private authority: the certificates of a cluster's workers, and its key, as files."""
# An operator keeps the authority's directory where no worker runs, or nowhere: it is needed only to
# issue. What a host needs is one directory, to be copied to /etc/wallaroo/keys.

import datetime
import os
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wallarood.model.errors import CannotCreateError, KeyRefusedError
from wallarood.model.ids import check_worker_name
from wallarood.net.tls import URI

AUTHORITY_DAYS = 3650
KEY_BYTES = 32
AUTHORITY, AUTHORITY_KEY, CLUSTER_KEY = "ca.crt", "ca.key", "cluster.key"
CERTIFICATE, PRIVATE_KEY = "worker.crt", "worker.key"


def make_authority(directory: Path) -> list[Path]:
    """Make an authority and a cluster key in *directory*; returns the files.

    Raises CannotCreateError: there is one already, or the directory cannot be written.
    """
    key, now = ec.generate_private_key(ec.SECP256R1()), _now()
    name = _name("wallarood authority")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    if (directory / AUTHORITY_KEY).exists():
        raise CannotCreateError(f"{directory} holds an authority already; nothing was changed")
    return [
        _write(directory / AUTHORITY_KEY, _private(key)),
        _write(directory / CLUSTER_KEY, secrets.token_hex(KEY_BYTES).encode() + b"\n"),
        _write(directory / AUTHORITY, certificate.public_bytes(serialization.Encoding.PEM)),
    ]


def issue(authority: Path, worker: str, out: Path, *, days: float) -> list[Path]:
    """Make what *worker* needs in *out*, in the place of what is there; returns the files.

    Raises KeyRefusedError: there is no authority in that directory, or it cannot be read. Raises
    CannotCreateError: *out* cannot be written. Raises UsageError: no worker has such a name.
    """
    check_worker_name(worker)
    try:
        issuer = x509.load_pem_x509_certificate((authority / AUTHORITY).read_bytes())
        data = (authority / AUTHORITY_KEY).read_bytes()
        issuer_key = serialization.load_pem_private_key(data, None)
        shared = (authority / CLUSTER_KEY).read_bytes()
    except OSError as error:
        raise KeyRefusedError(
            f"{error.filename}: {error.strerror}; make an authority with 'wallarood keys init'"
        ) from error
    except ValueError as error:
        raise KeyRefusedError(f"{authority}: not an authority: {error}") from error
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), _now()
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(worker))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1 + max(0.0, -24 * days)))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(URI + worker)]),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return [
        _write(out / AUTHORITY, issuer.public_bytes(pem)),
        _write(out / CLUSTER_KEY, shared),
        _write(out / PRIVATE_KEY, _private(key)),
        _write(out / CERTIFICATE, certificate.public_bytes(pem)),
    ]


def read_certificate(path: Path) -> x509.Certificate:
    """The certificate in a PEM file. Raises KeyRefusedError: it is not one."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise KeyRefusedError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise KeyRefusedError(f"{path}: expected a certificate in PEM form") from error


def check_certificate(path: Path, worker: str) -> float:
    """For how many days the certificate of *worker* is valid still.

    Raises KeyRefusedError: it is not one, not that worker's, or has expired.
    """
    certificate = read_certificate(path)
    found, left = worker_of(certificate), days_left(certificate)
    if found != worker:
        raise KeyRefusedError(f"{path}: it belongs to {found!r}, but this worker is {worker!r}")
    if left < 0:
        raise KeyRefusedError(f"{path}: it expired {-left:.0f} days ago: issue it again")
    return left


def days_left(certificate: x509.Certificate) -> float:
    """For how many days it is valid still; negative if it has expired."""
    return (certificate.not_valid_after_utc - _now()).total_seconds() / 86400


def worker_of(certificate: x509.Certificate) -> str | None:
    """The worker that a certificate names."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return None
    for each in names.value.get_values_for_type(x509.UniformResourceIdentifier):
        if each.startswith(URI):
            return each.removeprefix(URI)
    return None


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes) -> Path:
    """Put a file in the place of the one before, whole; secrets are for their owner only."""
    mode = 0o600 if path.suffix == ".key" else 0o644
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.rename(path)
    except OSError as error:
        raise CannotCreateError(f"{path}: {error.strerror}") from error
    return path
