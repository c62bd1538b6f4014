"""The same rows into a table of PostgreSQL: a bare COPY. Arguments: URL TABLE COUNT."""

import sys

import psycopg


def main() -> None:
    """All in one transaction."""
    url, table, count = sys.argv[1:]
    statement = f"COPY {table} (id, said, half) FROM STDIN"
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,  # type: ignore[arg-type]
    ):
        for number in range(int(count)):
            copy.write_row((number, f"row {number}", number * 0.5))


if __name__ == "__main__":
    main()
