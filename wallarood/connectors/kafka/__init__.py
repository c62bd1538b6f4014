"""Apache Kafka: a source of topics, and a sink by transactions."""
