"""Built-in aggregations: rows of cells, brought forward a batch at a time."""
