"""A simulated world in which the real decisions run: one seed, the whole cluster, all its lives."""
