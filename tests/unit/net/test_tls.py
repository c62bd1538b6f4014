"""TLS on real sockets, with certificates that our own command made."""

import shutil
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import attrs
import pytest
import trio
from support.echo_channels import KEY, KINDS, LIMITS, serving, works
from support.patience import patiently

from wallarood.cli.main import main
from wallarood.model.errors import KeyRefusedError, RemoteProtocolError
from wallarood.model.ids import Address
from wallarood.net import authority
from wallarood.net.auth import HELLO_BYTES, PROOF_BYTES, ClusterKey
from wallarood.net.control import dial_control
from wallarood.net.tcp import dial_data
from wallarood.net.tls import Tls, TlsFiles

Certified = Callable[..., ClusterKey]


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    """Makes what a worker proves itself by; each authority is made once."""

    def make(name: str, by: str = "ours", days: float = 10) -> ClusterKey:
        ca, out = tmp_path / by, tmp_path / f"{by}-{name}"
        if not ca.exists():
            assert main(["keys", "init", "--authority", str(ca)]) == 0
        authority.issue(ca, name, out, days=days)
        return attrs.evolve(KEY, tls=Tls(files_in(out)))

    return make


def files_in(directory: Path) -> TlsFiles:
    return TlsFiles(directory / "worker.crt", directory / "worker.key", directory / "ca.crt")


async def dialled(kind: str, address: Address, key: ClusterKey) -> str | None:
    """Whom the certificate at the other end names."""
    dial = dial_control if kind == "control" else dial_data
    with patiently(10):
        async with dial(address, key=key, limits=LIMITS) as channel:
            if kind == "control":
                channel.send(b"x")  # type: ignore[union-attr]
                await channel.receive()  # type: ignore[union-attr]
            else:
                await channel.send_all(b"x")  # type: ignore[union-attr]
                await channel.receive_some(1)  # type: ignore[union-attr]
            return channel.certified


@KINDS
async def test_peers_of_one_authority_talk_and_know_each_others_names(
    kind: str, certified: Certified
) -> None:
    async with serving(kind, certified("alpha")) as address:
        await works(kind, address, certified("beta"))
        assert await dialled(kind, address, certified("beta")) == "alpha"


@KINDS
async def test_a_peer_of_another_authority_is_refused(kind: str, certified: Certified) -> None:
    async with serving(kind, certified("alpha")) as address:
        with pytest.raises(KeyRefusedError, match="certificate"):
            await dialled(kind, address, certified("beta", by="theirs"))
        await works(kind, address, certified("beta"))


@KINDS
async def test_an_expired_certificate_is_refused(kind: str, certified: Certified) -> None:
    async with serving(kind, certified("alpha", days=-1)) as address:
        with pytest.raises(KeyRefusedError, match="expired"):
            await dialled(kind, address, certified("beta"))
    async with serving(kind, certified("alpha")) as address:
        with pytest.raises((RemoteProtocolError, trio.BrokenResourceError)):
            await dialled(kind, address, certified("beta", days=-1))
        await works(kind, address, certified("gamma"))


@KINDS
async def test_tls_and_plain_peers_do_not_talk(kind: str, certified: Certified) -> None:
    async with serving(kind, certified("alpha")) as address:
        with pytest.raises(KeyRefusedError, match="the peer speaks TLS only"):
            await dialled(kind, address, KEY)
        await works(kind, address, certified("beta"))
    async with serving(kind, KEY) as address:
        with pytest.raises((KeyRefusedError, trio.BrokenResourceError)):
            await dialled(kind, address, certified("beta"))
        await works(kind, address, KEY)


@KINDS
async def test_a_client_without_a_certificate_is_refused(kind: str, certified: Certified) -> None:
    async with serving(kind, certified("alpha")) as address:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        stream = await trio.open_tcp_stream(address.host, address.port)
        tls = trio.SSLStream(stream, context, https_compatible=True)
        said = b""
        with patiently(10), suppress(trio.BrokenResourceError):
            await tls.send_all(b"w" * HELLO_BYTES)
            said = bytes(await tls.receive_some(1000))
        assert said == b""
        await trio.aclose_forcefully(tls)
        await works(kind, address, certified("beta"))


@KINDS
async def test_another_cluster_key_is_refused_under_tls(kind: str, certified: Certified) -> None:
    async with serving(kind, certified("alpha")) as address:
        with pytest.raises(KeyRefusedError, match="another cluster key"):
            await dialled(kind, address, attrs.evolve(certified("beta"), secret=b"o" * 32))


async def test_a_handshake_that_was_captured_is_refused_when_it_is_sent_again() -> None:
    """Without TLS, where it can be captured."""
    captured = bytearray()
    async with serving("data", KEY) as address:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]

        async def relay(near: trio.SocketStream) -> None:
            far = await trio.open_tcp_stream(address.host, address.port)
            async with near, far, trio.open_nursery() as both:
                both.start_soon(copy, near, far, captured)
                both.start_soon(copy, far, near, bytearray())

        async with listeners[0], trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, relay, listeners)
            await works("data", Address("127.0.0.1", port), KEY)
            nursery.cancel_scope.cancel()
        assert len(captured) > HELLO_BYTES
        again = await trio.open_tcp_stream(address.host, address.port)
        async with again:
            await again.send_all(captured[: HELLO_BYTES + PROOF_BYTES])
            said = b""
            with patiently(10):
                while some := await again.receive_some(1000):
                    said += some
        assert said[HELLO_BYTES:] == b"R" + bytes(32)


async def copy(near: trio.SocketStream, far: trio.SocketStream, seen: bytearray) -> None:
    with suppress(trio.BrokenResourceError):
        async for data in near:
            seen += data
            await far.send_all(data)
        await far.send_eof()


async def test_certificates_are_rotated_while_a_connection_goes_on(
    tmp_path: Path, certified: Certified
) -> None:
    alpha, beta = certified("alpha"), certified("beta")
    assert alpha.tls is not None
    async with serving("data", alpha) as address:
        async with dial_data(address, key=beta, limits=LIMITS) as old:
            stranger = certified("beta", by="new")
            certified("alpha", by="new")
            for file in ("ca.crt", "worker.crt", "worker.key"):
                shutil.copy(tmp_path / "new-alpha" / file, tmp_path / "ours-alpha" / file)
            alpha.tls.reload()
            await works("data", address, stranger)
            await old.send_all(b"still")
            assert await old.receive_some(10) == b"still"
        with pytest.raises(KeyRefusedError):
            await dialled("data", address, beta)


def test_a_wrong_file_changes_nothing(tmp_path: Path, certified: Certified) -> None:
    key = certified("alpha")
    certified("beta")
    files = files_in(tmp_path / "ours-alpha")
    assert key.tls is not None
    before = attrs.asdict(key.tls, recurse=False)
    wrong: dict[str, Callable[[], object]] = {
        "not a PEM file": lambda: files.certificate.write_text("no"),
        "private key is not that of": lambda: shutil.copy(
            tmp_path / "ours-beta" / "worker.crt", files.certificate
        ),
        "No such file": files.authority.unlink,
    }
    for expected, spoil in wrong.items():
        spoil()
        with pytest.raises(KeyRefusedError, match=expected):
            key.tls.reload()
        assert attrs.asdict(key.tls, recurse=False) == before
