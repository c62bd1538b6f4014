"""What a type checker knows of streams, and what it refuses."""

import wallarood as w


class Total:
    count = 0


@w.computation
def shout(word: str) -> str:
    return word.upper()


@w.computation(on_error="skip")
def parse(word: str) -> int | None:
    return int(word)


@w.computation(concurrency=8)
async def look_up(word: str) -> int:
    return len(word)


@w.computation_multi
def split(line: str) -> list[str]:
    return line.split()


@w.computation_batch
def lengths(words: list[str]) -> list[int]:
    return [len(word) for word in words]


@w.state_computation(state=Total)
def count(word: str, total: Total) -> tuple[str, int]:
    total.count += 1
    return word, total.count


@w.state_computation_multi(state=Total)
def repeat(word: str, total: Total) -> list[str]:
    return [word] * total.count


@w.state_computation_batch(state=Total)
def sizes(words: list[str], total: Total) -> list[int]:
    return [total.count, len(words)]


@w.state_computation(state=Total)
def numbered(word: str, total: Total, *, key: str) -> float:
    total.count += 1
    return total.count / len(key)


async def wait(word: str) -> float:
    return float(word)


words = w.source("words", w.ListSource(["to", "be"]))
reveal_type(words)  # type: Stream[str]
reveal_type(words.to(shout))  # type: Stream[str]
reveal_type(words.to(parse))  # type: Stream[int]
reveal_type(words.to(look_up))  # type: Stream[int]
reveal_type(words.to(split))  # type: Stream[str]
reveal_type(words.to(lengths))  # type: Stream[int]
reveal_type(words.map(len))  # type: Stream[int]
reveal_type(words.map(wait))  # type: Stream[float]
reveal_type(words.map(lambda word: word if word else None))  # type: Stream[str]
reveal_type(words.flat_map(str.split))  # type: Stream[str]
reveal_type(words.filter(str.isalpha).inspect(print))  # type: Stream[str]
reveal_type(words.branch(str.isalpha).accepted)  # type: Stream[str]
reveal_type(words.merge(words.map(len)))  # type: Stream[str | int]
reveal_type(w.source("numbers", w.GeneratorSource()))  # type: Stream[int]
reveal_type(w.source("made", w.GeneratorSource(str)))  # type: Stream[str]
reveal_type(shout("a"))  # type: str

keyed = words.key_by(len)
reveal_type(keyed)  # type: KeyedStream[int, str]
reveal_type(keyed.to(count))  # type: KeyedStream[int, tuple[str, int]]
reveal_type(keyed.to(numbered))  # type: KeyedStream[int, float]
reveal_type(keyed.to(repeat))  # type: KeyedStream[int, str]
reveal_type(keyed.to(sizes))  # type: KeyedStream[int, int]
reveal_type(keyed.to(shout).filter(str.isalpha).map(len))  # type: KeyedStream[int, int]
reveal_type(keyed.to(lengths))  # type: Stream[int]
reveal_type(keyed.branch(str.isalpha).refused)  # type: KeyedStream[int, str]
reveal_type(keyed.merge(keyed))  # type: KeyedStream[int, str]
reveal_type(keyed.merge(words))  # type: Stream[str]
reveal_type(w.merge(keyed, keyed))  # type: KeyedStream[int, str]
reveal_type(w.merge(keyed, words))  # type: Stream[str]
reveal_type(keyed.aggregate(w.count()))  # type: KeyedStream[int, tuple[int, int]]
reveal_type(keyed.aggregate(w.max(of=str.upper), w.mean(of=len)))  # type: KeyedStream[int, tuple[int, str, float]]
numbers = words.map(len).key_by(str)
reveal_type(numbers.aggregate(w.sum()))  # type: KeyedStream[str, tuple[str, int]]
reveal_type(keyed.aggregate(w.count(), into=lambda key, n: {key: n}))  # type: KeyedStream[int, dict[Any, Any]]
reveal_type(keyed.collect())  # type: CollectedStream[str]
reveal_type(keyed.collect().map(str.upper).to(count))  # type: Stream[tuple[str, int]]

words.map(len).to(shout)  # error: Argument 1 to "to" of "Stream" has incompatible type
words.map(len).map(str.upper)  # error: Argument 1 to "map" of "Stream" has incompatible type
words.map(len).filter(lambda number: number.upper())  # error: "int" has no attribute "upper"
words.to(count)  # error: Argument 1 to "to" of "Stream" has incompatible type
keyed.map(len).to(count)  # error: Argument 1 to "to" of "KeyedStream" has incompatible type
keyed.to(lengths).to(count)  # error: Argument 1 to "to" of "Stream" has incompatible type
words.aggregate(w.count())  # error: "Stream[str]" has no attribute "aggregate"
keyed.aggregate(w.sum(of=abs))  # error: Argument "of" to "total" has incompatible type
w.source("words", w.ListSink([]))  # error: No overload variant of "source"
w.source("words", w.StdoutSink())  # error: No overload variant of "source"
words.to_sink(w.ListSource([""]))  # error: Argument 1 to "to_sink" of "Stream" has incompatible type
words.map(len, on_error="ignore")  # error: No overload variant


@w.state_computation(state=int)  # error: Argument 1 to "__call__" of "StateDecorator"
def wrong(word: str, total: Total) -> str:
    return word


w.computation(concurency=3)  # error: Unexpected keyword argument "concurency"
