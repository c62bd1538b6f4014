"""Which objects were read, in a form that a position can hold."""

from wallarood.connectors.objects.seen import Seen
from wallarood.connectors.objects.shelf import Entry


def test_what_was_read_is_known_after_a_restart() -> None:
    seen = Seen()
    for number in range(100):
        seen.add(Entry(f"key {number}", f"tag {number}"))
        seen.add(Entry(f"key {number}", f"tag {number}"))
    again = Seen(seen.text)
    assert len(seen.text) == 16 * 100
    assert all(f"key {number}" in again for number in range(100))
    assert "key 100" not in again
    assert again.is_other(Entry("key 5", "tag 6"))
    assert not again.is_other(Entry("key 5", "tag 5"))
    assert not again.is_other(Entry("key 100", "tag 5"))


def test_what_two_listings_lack_is_forgotten() -> None:
    seen = Seen()
    seen.add(Entry("a", "1"))
    seen.add(Entry("b", "1"))
    seen.listed(["b"])
    assert "a" in seen, "a listing may lag behind"
    seen.listed(["a", "b"])
    seen.listed(["b"])
    assert "a" in seen
    seen.listed(["b"])
    assert "a" not in seen
    assert Seen(seen.text).text == seen.text
    assert "b" in Seen(seen.text)
