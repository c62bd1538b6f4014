"""Standard error never stops its program, whatever becomes of it."""

import fcntl
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wallarood.outlet import QUEUE_BYTES_MAX, Outlet, write_to

TEXT = b"x" * 1000
PROGRAM = """
import sys
from wallarood.outlet import open_standard_streams, use_outlet
open_standard_streams()
use_outlet()
for number in range(3000):
    print("line", number, "x" * 100, file=sys.stderr)
print("done", flush=True)
"""


def lost(count: int) -> bytes:
    return f"lost {count}\n".encode()


def ended(stderr: int) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, timeout=30, check=False)


def test_a_program_whose_log_nobody_reads_goes_on() -> None:
    reader, writer = os.pipe()
    try:
        done = ended(writer)
    finally:
        os.close(writer)
        os.close(reader)
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_a_program_whose_reader_has_left_goes_on() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = ended(writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_a_program_whose_log_is_on_a_full_disk_goes_on() -> None:
    with Path("/dev/full").open("wb") as full:
        done = ended(full.fileno())
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_a_log_that_is_read_has_every_line_in_order() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    numbers = [int(line.split()[1]) for line in done.stderr.splitlines()]
    assert numbers == list(range(3000))


def test_a_log_that_does_not_block_has_every_line_once_it_is_read() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    outlet = Outlet(write_to(writer), lost)
    size = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    for _ in range(2 * size // len(TEXT)):
        outlet.put(TEXT)
    read = bytearray()
    while len(read) < 2 * size // len(TEXT) * len(TEXT):
        read += os.read(reader, 1 << 16)
    assert set(read) == {TEXT[0]}
    os.close(reader)
    os.close(writer)


def test_what_was_lost_is_counted_and_said() -> None:
    reader, writer = os.pipe()
    outlet = Outlet(write_to(writer), lost)
    count = 3 * QUEUE_BYTES_MAX // len(TEXT)
    for _ in range(count):
        outlet.put(TEXT)
    read = bytearray()

    def read_all() -> None:
        while b"end" not in read:
            read.extend(os.read(reader, 1 << 16))

    thread = threading.Thread(target=read_all)
    thread.start()
    assert outlet.wait_written(30)
    outlet.put(b"end\n")
    thread.join(30)
    kept = read.count(b"x") // len(TEXT)
    said = sum(int(each) for each in re.findall(rb"lost (\d+)\n", read))
    assert said == count - kept > 0
    assert read.endswith(b"end\n")
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("closed", ["0", "1", "2", "0 1 2"])
def test_no_file_takes_the_place_of_a_stream_that_is_closed(tmp_path: Path, closed: str) -> None:
    """Else the log would be written into a database."""
    shut = " ".join(f"{each}>&-" for each in closed.split())
    program = (
        "from wallarood.outlet import *; open_standard_streams(); use_outlet();"
        f"f = open({str(tmp_path / 'file')!r}, 'w');"
        "import sys, os; print('log', file=sys.stderr); print('out'); sys.stdout.flush();"
        "os.write(2, b'x'); assert f.fileno() > 2"
    )
    command = f'"{sys.executable}" -c "$PROGRAM" {shut}'
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "PROGRAM": program}, check=False, timeout=30,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file").read_bytes() == b""
