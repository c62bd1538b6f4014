"""What a running cluster decides: recovery, checkpoints, completion."""
