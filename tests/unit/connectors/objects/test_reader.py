"""Objects are read each once, in the order of their names, and what appears is found."""

import json
from typing import Any

import attrs
import pytest
import trio

import wallarood as w
from wallarood.app.connector import SourceBatch
from wallarood.connectors.objects.reader import ObjectsReader
from wallarood.connectors.objects.shelf import Entry, Lane


@attrs.define
class Basket:
    """A shelf whose objects are lists of records."""

    objects: dict[str, list[int]] = attrs.field(factory=dict)
    tags: dict[str, str] = attrs.field(factory=dict)
    opened: list[str] = attrs.field(factory=list)
    closed: int = 0

    def listed(self) -> list[Entry]:
        return [Entry(key, self.tags.get(key, "1")) for key in reversed(self.objects)]

    def reader(self, entry: Entry) -> "Reading":
        return Reading(self, entry.key)

    def name(self, key: str) -> str:
        return f"basket/{key}"


@attrs.define
class Reading:
    """Gives two records at once."""

    basket: Basket
    key: str
    at: int = 0

    @property
    def ended(self) -> bool:
        return self.at == len(self.basket.objects[self.key])

    def begin(self, position: Any) -> None:
        if self.key not in self.basket.objects:
            raise w.ApplicationError(f"{self.key} is gone")
        self.basket.opened.append(self.key)
        self.at = position or 0

    async def read(self) -> SourceBatch | None:
        await trio.lowlevel.checkpoint()
        records = self.basket.objects[self.key][self.at : self.at + 2]
        self.at += len(records)
        return SourceBatch(records, self.at) if records else None

    async def committed(self, position: Any) -> None:
        pass

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        self.basket.closed += 1


def reader(
    basket: Basket, position: Any = None, *, follow: bool = False, lane: Lane | None = None
) -> ObjectsReader:
    return ObjectsReader(basket, lane or Lane(), follow, 0.01, position)


async def read(of: ObjectsReader) -> list[tuple[Any, list[Any]]]:
    found = []
    while (batch := await of.read()) is not None:
        assert json.loads(json.dumps(batch.position)) == batch.position
        found.append((batch.position, batch.records))
    await of.aclose()
    return found


def flat(batches: list[tuple[Any, list[Any]]]) -> list[Any]:
    return [each for _, records in batches for each in records]


async def test_from_each_position_the_rest_is_read_in_order() -> None:
    basket = Basket({"b": [4, 5], "a": [1, 2, 3], "none": [], "c": [6]})
    batches = await read(reader(basket))
    assert flat(batches) == [1, 2, 3, 4, 5, 6]
    for number, (position, _) in enumerate(batches):
        assert await read(reader(basket, position)) == batches[number + 1 :]
    assert basket.closed == len(basket.opened)


async def test_an_object_that_was_read_may_go_but_not_one_that_was_begun() -> None:
    basket = Basket({"a": [1, 2, 3], "b": [4]})
    (in_a, _), (after_a, _), _ = await read(reader(basket))
    del basket.objects["a"]
    assert flat(await read(reader(basket, after_a))) == [4]
    with pytest.raises(w.ApplicationError, match="a is gone"):
        await read(reader(basket, in_a))


async def test_another_object_in_the_place_of_one_that_was_read_stops() -> None:
    basket = Basket({"a": [1], "b": [2]})
    (after_a, _), _ = await read(reader(basket))
    basket.tags["a"] = "2"
    with pytest.raises(w.ApplicationError, match=r"basket/a was read and is another one now"):
        await read(reader(basket, after_a))


async def test_what_appears_is_read_whatever_its_name() -> None:
    basket = Basket({"m": [1]})
    following = reader(basket, follow=True)
    with trio.fail_after(100):
        first = await following.read()
        assert first is not None
        async with trio.open_nursery() as nursery:

            async def appear() -> None:
                while not following.caught_up:  # noqa: ASYNC110
                    await trio.sleep(0.001)
                basket.objects = {"m": [1], "z": [3], "a": [2]}

            nursery.start_soon(appear)
            second, third = await following.read(), await following.read()
        assert second is not None
        assert third is not None
        assert [first.records, second.records, third.records] == [[1], [2], [3]]
    await following.aclose()
    rest = reader(basket, second.position, follow=False)
    assert flat(await read(rest)) == [3]


async def test_lanes_share_the_objects() -> None:
    basket = Basket({f"key {number}": [number] for number in range(50)})
    lanes = [Lane(1, 2), Lane(2, 2)]
    found = [flat(await read(reader(basket, lane=lane))) for lane in lanes]
    assert sorted(found[0] + found[1]) == list(range(50))
    assert all(found)


async def test_a_read_that_is_cancelled_has_taken_nothing() -> None:
    basket = Basket({"a": [1, 2, 3]})
    following = reader(basket, follow=True)
    found: list[int] = []
    for _ in range(20):
        with trio.move_on_after(0) as scope:
            batch = await following.read()
            assert batch is not None
            found += batch.records
        assert scope.cancel_called
        if len(found) < 3:
            batch = await following.read()
            assert batch is not None
            found += batch.records
    assert found == [1, 2, 3]
    await following.aclose()
