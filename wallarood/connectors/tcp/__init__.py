"""TCP: sources that listen and acknowledge, sinks that number what they send."""
