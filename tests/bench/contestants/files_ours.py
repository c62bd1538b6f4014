"""Ours: the workloads of `make bench-files`, at defaults. Arguments: workload, input, directory."""

import wallarood as w
from bench.filework import (
    Order,
    Total,
    add,
    add_size,
    change,
    change_order,
    double,
    is_served,
    measure,
    parse_request,
    path_of,
    split,
    user_of,
)


def app(args: list[str]) -> w.Application:
    """The application of one workload."""
    workload, path, directory = args
    return w.application("files", pipeline(workload, path, directory))


def pipeline(workload: str, path: str, directory: str) -> w.End:
    """The steps from file to files."""
    match workload:
        case "lines":
            words = w.source("in", w.FileSource(path)).flat_map(split)
            return words.to_sink(w.FileSink(directory, format="lines"))
        case "tsv":
            pairs = w.source("in", w.FileSource(path)).flat_map(split).map(measure)
            return pairs.to_sink(w.FileSink(directory))
        case "csv":
            rows = w.source("in", w.FileSource(path, format="csv")).map(double)
            return rows.to_sink(w.FileSink(directory, format="csv"))
        case "json":
            orders = w.source("in", w.FileSource(path, format="json", record=dict)).map(change)
            return orders.to_sink(w.FileSink(directory, format="json"))
        case "sum":
            orders = w.source("in", w.FileSource(path, format="json", record=dict))
            sums = orders.key_by(user_of).to(w.state_computation(state=Total)(add))
            return sums.to_sink(w.FileSink(directory, format="json"))
        case "typed":
            typed = w.source("in", w.FileSource(path, format="json", record=Order))
            return typed.map(change_order).to_sink(w.FileSink(directory, format="json"))
        case _:
            requests = w.source("in", w.FileSource(path)).map(parse_request).filter(is_served)
            sizes = requests.key_by(path_of).to(w.state_computation(state=Total)(add_size))
            return sizes.to_sink(w.FileSink(directory))
