"""Messages of a WebSocket server as a source."""
