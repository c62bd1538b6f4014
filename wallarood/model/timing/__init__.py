"""Values of steps that know time: spans, joins, timed computations."""
