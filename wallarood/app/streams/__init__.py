"""Streams while a pipeline is being built: their classes, their nodes, and what may follow."""
