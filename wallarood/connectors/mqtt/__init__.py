"""MQTT 5: messages of topics as a source, and as a sink."""
