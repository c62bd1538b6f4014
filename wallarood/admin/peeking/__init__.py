"""What an operator may look at in a worker: records as they pass, and the state of keys."""
