"""Bytewax with its own connectors of files: the workloads of `make bench-files`."""

import csv
import io
import json
import os
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.files import CSVSource, FileSink, FileSource
from bytewax.dataflow import Dataflow

from bench.filework import (
    Total,
    add,
    add_size,
    change,
    double,
    is_served,
    measure,
    parse_request,
    path_of,
    split,
    user_of,
)

WORKLOAD, PATH, DIRECTORY, LIBRARY = json.loads(os.environ["WALLAROOD_BENCH_FILES"])
LOADS = json.loads if LIBRARY == "json" else orjson.loads


def dumps(value: Any) -> str:
    return json.dumps(value) if LIBRARY == "json" else orjson.dumps(value).decode()


def row_of(row: dict[str, Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(row.values())
    return out.getvalue()


def add_order(total: Total | None, order: dict[str, Any]) -> tuple[Total, dict[str, Any]]:
    total = total or Total()
    return total, add(order, total)


def add_request(total: Total | None, request: dict[str, Any]) -> tuple[Total, tuple[str, int, int]]:
    total = total or Total()
    return total, add_size(request, total)


def texts(source: Any) -> Any:
    match WORKLOAD:
        case "lines":
            return op.flat_map("split", source, split)
        case "tsv":
            pairs = op.map("measure", op.flat_map("split", source, split), measure)
            return op.map("text", pairs, lambda pair: f"{pair[0]}\t{pair[1]}")
        case "csv":
            return op.map("text", op.map("double", source, double), row_of)
        case "json" | "typed":
            changed = op.map("change", op.map("parse", source, LOADS), change)
            return op.map("text", changed, dumps)
        case "sum":
            keyed = op.key_on("key", op.map("parse", source, LOADS), user_of)
            sums = op.stateful_map("add", keyed, add_order)
            return op.map("text", sums, lambda item: dumps(item[1]))
        case _:
            served = op.filter("served", op.filter_map("parse", source, parse_request), is_served)
            sizes = op.stateful_map("add", op.key_on("key", served, path_of), add_request)
            return op.map("text", sizes, lambda item: "\t".join(map(str, item[1])))


flow = Dataflow("files")
_input = CSVSource(PATH, 1000) if WORKLOAD == "csv" else FileSource(PATH, 1000)
_texts = texts(op.input("in", flow, _input))
op.output("out", op.map("keyed", _texts, lambda text: ("all", text)), FileSink(f"{DIRECTORY}/out"))
