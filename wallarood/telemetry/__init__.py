"""OpenTelemetry: metrics, and traces of recoveries, checkpoints and some batches, to a collector.

It is loaded where `otel.endpoint` is set, and nowhere else; it needs ``wallarood[otel]``. The SDK
encodes and sends, and nothing more: its own threads and queues are not used, so that what waits for
a collector is bounded here, and never holds the event loop.
"""
