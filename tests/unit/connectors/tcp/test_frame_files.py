"""Frames that an exactly-once sink keeps: sent from the first that the receiver does not have."""

from pathlib import Path

import pytest

from wallarood.connectors.framing import record_frame
from wallarood.connectors.tcp.frame_files import open_frames
from wallarood.model.errors import DamagedStateError

FRAMES = [record_frame(number, b"x" * number) for number in range(5, 9)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of the frames 5 to 8."""
    path = tmp_path / "0-5.frames"
    path.write_bytes(b"".join(FRAMES))
    return path


@pytest.mark.parametrize(
    ("acknowledged", "left"), [(0, 4), (4, 4), (5, 3), (7, 1), (8, 0), (100, 0)]
)
def test_what_was_acknowledged_is_not_sent_again(path: Path, acknowledged: int, left: int) -> None:
    with open_frames(path, acknowledged) as file:
        assert file.read() == b"".join(FRAMES[len(FRAMES) - left :])


def test_a_file_that_is_missing_is_damage_and_says_what_the_receiver_has(tmp_path: Path) -> None:
    with pytest.raises(DamagedStateError, match=r"is missing, .* has records only up to 1,234"):
        open_frames(tmp_path / "0-5.frames", 1234)
