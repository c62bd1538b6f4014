"""What a type checker knows of the records of a source, and what it refuses."""

import attrs

import wallarood as w


@attrs.frozen
class Order:
    user: str
    price: int


def shout(line: str) -> str:
    return line.upper()


def dear(order: Order) -> bool:
    return order.price > 100


reveal_type(w.source("lines", w.FileSource("a.txt")))  # type: Stream[str]
reveal_type(w.source("bytes", w.FileSource("a.txt", format="bytes")))  # type: Stream[bytes]
reveal_type(w.source("any", w.FileSource("a.jsonl", format="json")))  # type: Stream[Any]

orders = w.source("orders", w.FileSource("a.jsonl", format="json", record=Order))
reveal_type(orders)  # type: Stream[sources.Order]
orders.filter(dear)
orders.map(shout)  # error: incompatible type
reveal_type(w.FileSource("a.csv", format="csv", record=Order))  # type: FileSource[sources.Order]
reveal_type(w.FileSource("a.csv", format="csv", delimiter=";"))  # type: FileSource[Any]
reveal_type(w.FileSource("a.txt", located=True))  # type: FileSource[Located[Any]]
w.FileSource("a.txt", nan=True)  # error: No overload variant
w.FileSource("a.txt", format="lines", record=Order)  # error: No overload variant

reveal_type(w.source("in", w.StdinSource()))  # type: Stream[str]
reveal_type(w.StdinSource(format="json", record=int))  # type: StdinSource[int]

reveal_type(w.source("tcp", w.TcpSource(":1")))  # type: Stream[bytes]
reveal_type(w.source("tcp", w.TcpSource(":1", record=Order)))  # type: Stream[sources.Order]
reveal_type(w.source("tcp", w.LineTcpSource(":1")))  # type: Stream[str]
