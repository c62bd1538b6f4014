"""All that comes before a worker runs: settings, listeners, its role, its cluster, its parts."""
