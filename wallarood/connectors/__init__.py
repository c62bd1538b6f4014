"""Sources and sinks, a file each."""
