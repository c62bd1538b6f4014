"""Status in words: what people see of a worker, of a cluster and of event time."""
