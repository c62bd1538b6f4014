"""The sources that a worker has in the next epoch: where they stand, and what comes of them."""
