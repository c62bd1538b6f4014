"""The tasks of a job, one for each instance of a source, a stage and a sink."""
