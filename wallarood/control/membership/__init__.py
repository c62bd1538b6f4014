"""Who belongs to the cluster and is there: one machine on each worker."""
