"""The decisions about records: compile, keys, route, align, link, state."""
