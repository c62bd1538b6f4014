"""Numbers that a worker looks at now and then while it runs: shares of time, rates, its host."""
