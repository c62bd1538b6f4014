"""One round on this worker: how it begins and ends, and its part in checkpoints."""
