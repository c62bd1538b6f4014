"""Keys with a large share are found by samples, in bounded memory."""

import random

import pytest

from wallarood.flow.sampled.hot_keys import KEYS_MAX, SAMPLES_MAX, HotKeys


def batches(share: float, *, count: int, size: int) -> list[list[str]]:
    """Batches in which "hot" has this share of the records, and every other key is new."""
    draw = random.Random(4)
    return [
        ["hot" if draw.random() < share else f"key {draw.random()}" for _ in range(size)]
        for _ in range(count)
    ]


@pytest.mark.parametrize("size", [1, 5, 100, 2048])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_of_a_hot_key_is_found_whatever_the_size_of_batches(
    size: int, share: float
) -> None:
    hot = HotKeys()
    for keys in batches(share, count=4000 // min(size, 8), size=size):
        hot.look(keys)
    (key, found), *_ = hot.hottest(3)
    assert key == "hot"
    assert found == pytest.approx(share, abs=0.1)


def test_where_no_key_has_a_share_none_seems_to() -> None:
    hot = HotKeys()
    for keys in batches(0.0, count=3000, size=100):
        hot.look(keys)
    assert all(share < 0.02 for _, share in hot.hottest(5))
    assert len(hot.counts) <= KEYS_MAX


def test_a_few_samples_name_no_key_by_chance() -> None:
    hot = HotKeys()
    for keys in batches(0.0, count=20, size=100):
        hot.look(keys)
    assert hot.hottest(5) == []


def test_what_was_hot_long_ago_is_forgotten() -> None:
    hot = HotKeys()
    for keys in batches(0.9, count=2000, size=100):
        hot.look(keys)
    for keys in batches(0.0, count=20_000, size=100):
        hot.look(keys)
    assert all(share < 0.05 for _, share in hot.hottest(5))


def test_a_key_that_gets_hot_among_few_keys_is_soon_found() -> None:
    hot = HotKeys()
    for number in range(10_000):
        hot.look([f"key {(number + each) % 100}" for each in range(64)])
    for _ in range(200):
        hot.look(["hot"] * 64)
    (key, share), *_ = hot.hottest(3)
    assert (key, share > 0.4) == ("hot", True)
    assert hot.samples <= SAMPLES_MAX


def test_a_pattern_in_the_batches_hides_no_key() -> None:
    hot = HotKeys()
    for _ in range(400):
        hot.look(["a", "b", "c", "d"] * 64)
    assert {key for key, _ in hot.hottest(9)} == {"a", "b", "c", "d"}
    assert all(share == pytest.approx(0.25, abs=0.05) for _, share in hot.hottest(9))


def test_keys_that_cannot_be_compared_do_not_stop_the_stage() -> None:
    class Odd:
        def __hash__(self) -> int:
            raise ValueError("no hash")

    hot = HotKeys()
    hot.look([Odd()])
    assert hot.hottest(5) == []


def test_of_a_large_batch_more_is_looked_at() -> None:
    assert len(HotKeys().look(list(range(8192)))) == 64
    assert len(HotKeys().look(list(range(1024)))) == 8
