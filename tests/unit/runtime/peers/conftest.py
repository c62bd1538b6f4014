"""An owner and its holder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.copied import Copied, store_at


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Copied]:
    copied = Copied(store_at(tmp_path / "owner.db"), store_at(tmp_path / "holder.db"))
    yield copied
    copied.owner.close()
    copied.holder.close()
