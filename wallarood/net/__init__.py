"""Connections: websocket for control, TCP for data, one handshake for both."""
