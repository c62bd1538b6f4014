"""Time in the data flow: the clocks of the host, and who waits for them."""
