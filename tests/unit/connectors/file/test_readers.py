"""The format says what reads a file."""

from wallarood.app.connector import SourceLimits
from wallarood.connectors.file.listing import Split
from wallarood.connectors.file.reader import FileReader
from wallarood.connectors.file.readers import file_reader
from wallarood.connectors.parquet.reader import ParquetReader
from wallarood.connectors.parse.options import FILES, format_of


def test_parquet_has_a_reader_of_its_own() -> None:
    split, limits = Split("in", 0, None), SourceLimits()
    parquet = format_of("x", {"format": "parquet"}, known=FILES)
    found = file_reader(split, parquet, limits, stops=True, repeat=2)
    assert isinstance(found, ParquetReader)
    assert (found.path, found.repeat) == ("in", 2)
    text = file_reader(split, format_of("x", {}), limits, stops=False)
    assert isinstance(text, FileReader)
    assert not text.stops
