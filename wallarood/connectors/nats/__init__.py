"""NATS JetStream: a source of subjects of a stream, and a sink by atomic batches."""
