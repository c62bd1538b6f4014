"""Journals on their way: kept apart until the change is decided, then put in place, once."""

from pathlib import Path

from wallarood.disk.incoming import IncomingFiles


def test_what_has_come_is_put_in_the_place_of_what_was_there(tmp_path: Path) -> None:
    incoming = IncomingFiles(tmp_path)
    stale = tmp_path / "sources" / "in" / "p"
    stale.mkdir(parents=True)
    (stale / "old").touch()
    root = incoming.moved(3)
    incoming.write(root, "sources/in/p/1", b"abc", offset=0)
    incoming.write(root, "sources/in/p/1", b"def", offset=3)
    incoming.write(root, "sources/in/p/1", b"g", offset=5)
    incoming.settle(3)
    for _ in range(2):  # who dies in between does it once more
        for journal in incoming.journals(root, "in"):
            incoming.take(journal, "in")
    assert [each.name for each in stale.iterdir()] == ["1"]
    assert (stale / "1").read_bytes() == b"abcdeg"
    incoming.forget()
    assert not list((tmp_path / "incoming").iterdir())


def test_what_came_with_another_staging_is_removed(tmp_path: Path) -> None:
    incoming = IncomingFiles(tmp_path)
    incoming.forget()
    for number in (1, 2):
        incoming.write(incoming.of_clients(number), "sources/in/p/1", b"", offset=0)
    incoming.forget(but={2})
    assert not list(incoming.journals(incoming.of_clients(1), "in"))
    assert [each.name for each in incoming.journals(incoming.of_clients(2), "in")] == ["p"]
    incoming.settle(7)
