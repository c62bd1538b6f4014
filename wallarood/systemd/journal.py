"""Log events as entries of systemd's journal, with fields, by its native protocol."""
# What is sent is described in systemd's documentation, "Native Journal Protocol". A value with a
# newline is sent with its length, so a traceback is one entry. An entry that is too large for a
# datagram goes as a sealed file in memory.

import array
import fcntl
import os
import socket
import sys
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
TEXT_BYTES_MAX = 256 << 10
"""A longer value is cut: the journal would drop the entry."""


def is_journal() -> bool:
    """Whether stderr of this process is the journal's (``$JOURNAL_STREAM``)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        there = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(there.st_dev), str(there.st_ino))


class Journal:
    """A connection to the journal."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def send(self, data: bytes) -> None:
        """Make an entry, see `entry`. It waits for a slow journal.

        What the journal does not take is dropped.
        """
        try:
            self._socket.sendto(data, SOCKET)
        except OSError:
            self._send_file(data)

    def _send_file(self, data: bytes) -> None:
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
        try:
            memory = os.memfd_create("journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            try:
                os.write(memory, data)
                fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals)
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [memory]))]
                self._socket.sendmsg([], rights, 0, SOCKET)
            finally:
                os.close(memory)
        except OSError:
            return


def entry(message: str, level: str, fields: Mapping[str, str]) -> bytes:
    """An entry as the journal takes it."""
    named = {
        "MESSAGE": message,
        "PRIORITY": str(PRIORITIES.get(level, 6)),
        "SYSLOG_IDENTIFIER": "wallarood",
        **fields,
    }
    return b"".join(_field(name, value) for name, value in named.items())


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "replace")[:TEXT_BYTES_MAX]
    if b"\n" in data:
        return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
    return name.encode() + b"=" + data + b"\n"
