"""The handshake of both channels: who is there, and do both ends know the cluster key?

It happens on the raw stream before anything else is interpreted:

1. client → server: hello (magic, channel, whether it has a key, 32 random bytes)
2. server → client: hello of its own
3. client → server: HMAC-SHA256 over "client", both hellos
4. server → client: one byte, accepted or refused, and HMAC-SHA256 over "server", both hellos

Without a key on both ends the two HMACs are those of an empty key, and prove nothing; the hellos
still tell a port scanner or another program from a peer. Everything is of fixed size.
"""

import hmac
import os
import socket
from pathlib import Path

import attrs
import trio

from wallarood.model.errors import KeyRefusedError, RemoteProtocolError
from wallarood.net.tls import Tls

MAGIC = b"wallarood/1 "
TLS_RECORD = b"\x16\x03"
TLS_ONLY = b"tls"
"""In the place of the channel: the answer to a peer that does not speak TLS where it must."""
NONCE_BYTES = 32
PROOF_BYTES = 32
_CHANNEL_BYTES = 8
HELLO_BYTES = len(MAGIC) + _CHANNEL_BYTES + 1 + NONCE_BYTES
_ACCEPTED, _REFUSED = b"A", b"R"


@attrs.frozen
class ClusterKey:
    """What a worker proves itself by: the secret that all share, certificates, or both.

    The secret is never printed; None: there is none.
    """

    secret: bytes | None = attrs.field(default=None, repr=False)
    tls: Tls | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is one."""
        return self.secret is not None


def read_key(path: str | None) -> ClusterKey:
    """The cluster key in a file. Raises KeyRefusedError: unreadable, or shorter than 32 bytes."""
    if path is None:
        return ClusterKey()
    try:
        secret = Path(path).read_bytes().strip()
    except OSError as error:
        raise KeyRefusedError(f"cluster key {path}: {error.strerror}") from error
    if len(secret) < 32:
        raise KeyRefusedError(
            f"cluster key {path}: {len(secret)} bytes, expected at least 32; make one with "
            "'openssl rand -hex 32'"
        )
    return ClusterKey(secret)


def _hello(key: ClusterKey, channel: bytes) -> bytes:
    return MAGIC + channel.ljust(_CHANNEL_BYTES) + bytes([key.is_set]) + os.urandom(NONCE_BYTES)


def _proof(key: ClusterKey, role: bytes, hellos: bytes) -> bytes:
    return hmac.digest(key.secret or b"", role + hellos, "sha256")


async def _exactly(stream: trio.abc.ReceiveStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        some = await stream.receive_some(size - len(data))
        if not some:
            raise RemoteProtocolError(f"closed after {len(data)} bytes of the handshake")
        data += bytes(some)
        if not data.startswith(MAGIC[: len(data)]) and size == HELLO_BYTES:
            if data.startswith(TLS_RECORD):
                raise KeyRefusedError(
                    "the peer speaks TLS, and this worker has no certificate (security.certificate)"
                )
            raise RemoteProtocolError(f"not a wallarood peer: it began with {data[:16]!r}")
    return data


def _check(hello: bytes, key: ClusterKey, channel: bytes) -> None:
    theirs = hello[len(MAGIC) : len(MAGIC) + _CHANNEL_BYTES].rstrip()
    if theirs == TLS_ONLY:
        raise KeyRefusedError(
            "the peer speaks TLS only, and this worker has no certificate (security.certificate)"
        )
    if theirs != channel:
        raise RemoteProtocolError(
            f"this is a {channel.decode()} channel, the peer speaks {theirs[:8]!r}"
        )
    has_key = hello[len(MAGIC) + _CHANNEL_BYTES] == 1
    if has_key != key.is_set:
        who = "the peer has a cluster key and this worker has none"
        if key.is_set:
            who = "this worker has a cluster key and the peer has none"
        raise KeyRefusedError(f"{who}: give all workers the same security.key-file")


async def refuse_plain(stream: trio.SocketStream) -> None:
    """Tell a peer that speaks plainly where TLS is spoken, and raise KeyRefusedError.

    Nothing is done about a peer that seems to speak TLS.
    """
    first = await stream.socket.recv(len(MAGIC), socket.MSG_PEEK)
    if first and MAGIC.startswith(first):
        await _exactly(stream, HELLO_BYTES)
        await stream.send_all(_hello(ClusterKey(), TLS_ONLY))
        raise KeyRefusedError("the peer does not speak TLS (security.certificate)")


async def authenticate_client(stream: trio.abc.Stream, key: ClusterKey, channel: bytes) -> None:
    """Greet the server at the other end of *stream*; *channel* is ``b"control"`` or ``b"data"``.

    Raises KeyRefusedError: the keys differ or one is missing. Raises RemoteProtocolError: the
    other end is no wallarood peer.
    """
    mine = _hello(key, channel)
    await stream.send_all(mine)
    theirs = await _exactly(stream, HELLO_BYTES)
    _check(theirs, key, channel)
    hellos = mine + theirs
    await stream.send_all(_proof(key, b"client", hellos))
    answer = await _exactly(stream, 1 + PROOF_BYTES)
    if answer[:1] != _ACCEPTED or not hmac.compare_digest(
        answer[1:], _proof(key, b"server", hellos)
    ):
        raise KeyRefusedError("the peer has another cluster key (security.key-file)")


async def authenticate_server(stream: trio.abc.Stream, key: ClusterKey, channel: bytes) -> None:
    """Greet the client at the other end of *stream*. Raises as `authenticate_client`."""
    theirs = await _exactly(stream, HELLO_BYTES)
    mine = _hello(key, channel)
    await stream.send_all(mine)
    _check(theirs, key, channel)
    hellos = theirs + mine
    proof = await _exactly(stream, PROOF_BYTES)
    if not hmac.compare_digest(proof, _proof(key, b"client", hellos)):
        await stream.send_all(_REFUSED + bytes(PROOF_BYTES))
        raise KeyRefusedError("a peer has another cluster key (security.key-file)")
    await stream.send_all(_ACCEPTED + _proof(key, b"server", hellos))
