"""What a type checker knows of windows, and what it refuses."""

import wallarood as w


def user(click: tuple[str, int]) -> str:
    return click[0]


def size(click: tuple[str, int]) -> int:
    return click[1]


def add(total: float, click: tuple[str, int]) -> float:
    return total + click[1]


def of_counts(result: w.Windowed[str, int]) -> str:
    return f"{result.key} {result.value + 1}"


def of_texts(result: w.Windowed[str, str]) -> str:
    return result.value


source = w.ListSource([("ada", 1)], record=tuple[str, int])
clicks = w.source("clicks", source, time=w.ingest_time()).key_by(user)

windows = clicks.window(w.tumbling("1min"), grace="1s", emit=w.every("1s"))
reveal_type(windows)  # type: WindowedStream[str, tuple[str, int]]
reveal_type(windows.late)  # type: KeyedStream[str, tuple[str, int]]
reveal_type(windows.collect())  # type: KeyedStream[str, Windowed[str, list[tuple[str, int]]]]
reveal_type(windows.aggregate(w.count()))  # type: KeyedStream[str, Windowed[str, int]]
reveal_type(windows.aggregate(w.sum(of=size), w.top(3, by=size)))  # type: KeyedStream[str, Windowed[str, tuple[int, list[tuple[str, int]]]]]
reveal_type(windows.aggregate(w.first(), w.distinct_count(of=user), w.quantile(0.5, of=size)))  # type: KeyedStream[str, Windowed[str, tuple[tuple[str, int], int, float]]]
reveal_type(windows.fold(float, add))  # type: KeyedStream[str, Windowed[str, float]]

windows.aggregate(w.count()).map(of_counts)
windows.aggregate(w.count()).map(of_texts)  # error: incompatible type "Callable[[Windowed[str, str]], str]"
windows.aggregate(w.count(of=size))  # error: Unexpected keyword argument "of"
windows.fold(str, add)  # error: Cannot infer value of type parameter "A"
clicks.window("1min")  # error: expected "Windows"
clicks.window(w.tumbling("1min"), emit="often")  # error: incompatible type "Literal['often']"
w.calendar("year", tz="UTC")  # error: incompatible type "Literal['year']"
clicks.collect().window(w.tumbling("1min"))  # error: has no attribute "window"
