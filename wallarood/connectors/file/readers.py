"""What reads one file to its end: by its format."""

from wallarood.app.connector import SourceLimits
from wallarood.connectors.file.listing import Split
from wallarood.connectors.file.reader import FileReader
from wallarood.connectors.objects.shelf import WholeReader
from wallarood.connectors.parse.options import Format


def file_reader(
    split: Split, form: Format, limits: SourceLimits, *, stops: object, repeat: int = 1
) -> WholeReader:
    """What reads *split* of a file of this host, which is not open yet."""
    if form.format == "parquet":
        from wallarood.connectors.parquet.reader import ParquetReader  # noqa: PLC0415 - only here
        from wallarood.connectors.parquet.rows import Rows  # noqa: PLC0415

        return ParquetReader(split.path, Rows.of(form, stops=stops), limits, repeat)
    return FileReader(split, form, limits, bool(stops), repeat)
