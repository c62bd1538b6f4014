"""The steps of a stage as functions from batch to batch, a way of calling user code each."""
