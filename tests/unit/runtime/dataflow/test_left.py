"""A journal that was left and read to its end goes when a checkpoint has it so, and no other."""

from pathlib import Path

import wallarood as w
from wallarood.app.connector import SourceContext
from wallarood.runtime.dataflow.left import forget_left


async def test_what_has_ended_and_was_left_is_removed(tmp_path: Path) -> None:
    names = ("own", "read, left by beta", "unread, left by beta")
    for name in names:
        (tmp_path / name).mkdir()
    context = SourceContext("in", directory=str(tmp_path), left=names[1:])
    for _ in range(2):  # as each checkpoint that follows has it
        await forget_left(w.TcpSource("127.0.0.1:0"), context, names[:2])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["own", "unread, left by beta"]
