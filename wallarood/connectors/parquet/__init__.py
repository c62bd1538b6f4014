"""Files of Parquet: their rows as records, and records as their bytes. Needs pyarrow."""
