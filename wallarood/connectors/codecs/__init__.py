"""How values stand in messages, where a name of a format is not enough: Avro, Protobuf."""
