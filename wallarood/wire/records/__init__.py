"""Records between workers: batches as encoded columns."""
