"""Where the public names of the package are: each is imported when it is first used."""

HELD: dict[str, str] = {
    "wallarood.app.aggregations": "count max:maximum mean min:minimum sum:total",
    "wallarood.app.application": "application",
    "wallarood.app.connector": (
        "Discovering Located Scope Sink SinkContext SinkWriter Source SourceBatch "
        "SourceContext SourceLimits SourceReader Unreadable"
    ),
    "wallarood.app.forever": "Forever forever",
    "wallarood.app.functions.batches": "computation_arrow state_computation_batch",
    "wallarood.app.functions.computations": (
        "computation computation_batch computation_multi dead_letter state_computation "
        "state_computation_multi"
    ),
    "wallarood.app.functions.timed": "Timers state_computation_timed",
    "wallarood.app.pipeline": "merge source",
    "wallarood.app.setups": "Setup setup",
    "wallarood.app.statistics": "collect distinct_count first last quantile stddev top variance",
    "wallarood.app.streams.collected": "CollectedStream",
    "wallarood.app.streams.joining.joinable": "table",
    "wallarood.app.streams.joining.joins": "Table",
    "wallarood.app.streams.keyed": "KeyedStream",
    "wallarood.app.streams.nodes": "End",
    "wallarood.app.streams.options": "Branch",
    "wallarood.app.streams.stream": "Stream",
    "wallarood.app.streams.windowed": "WindowedStream",
    "wallarood.app.time": "Time event_time ingest_time",
    "wallarood.app.windows": "Every calendar count_window every hopping rolling session tumbling",
    "wallarood.connectors.codecs.avro": "Avro",
    "wallarood.connectors.codecs.protobuf": "Protobuf",
    "wallarood.connectors.duckdb.sink": "DuckdbSink",
    "wallarood.connectors.duckdb.source": "DuckdbSource",
    "wallarood.connectors.file.sink": "FileSink",
    "wallarood.connectors.file.source": "FileSource",
    "wallarood.connectors.generator": "GeneratorSource",
    "wallarood.connectors.http.messages": "HttpMessage",
    "wallarood.connectors.http.sink": "HttpSink",
    "wallarood.connectors.http.source": "HttpSource",
    "wallarood.connectors.kafka.message": "KafkaMessage",
    "wallarood.connectors.kafka.sink": "KafkaSink",
    "wallarood.connectors.kafka.source": "KafkaSource",
    "wallarood.connectors.memory": "ListSink ListSource",
    "wallarood.connectors.mqtt.message": "MqttMessage",
    "wallarood.connectors.mqtt.sink": "MqttSink",
    "wallarood.connectors.mqtt.source": "MqttSource",
    "wallarood.connectors.nats.sink": "NatsSink",
    "wallarood.connectors.nats.source": "NatsSource",
    "wallarood.connectors.postgres.change": "PostgresChange",
    "wallarood.connectors.postgres.sink": "PostgresSink",
    "wallarood.connectors.postgres.source": "PostgresSource",
    "wallarood.connectors.postgres.table_source": "PostgresRow PostgresTableSource",
    "wallarood.connectors.redis.sink": "RedisHashSink RedisSink",
    "wallarood.connectors.redis.source": "RedisSource",
    "wallarood.connectors.s3.sink": "S3Sink",
    "wallarood.connectors.s3.source": "S3Source",
    "wallarood.connectors.spool.sink": "SpooledSink",
    "wallarood.connectors.spool.target": "Marker MarkerMovedError Target",
    "wallarood.connectors.sqlite.sink": "SqliteSink",
    "wallarood.connectors.sqlite.source": "SqliteSource",
    "wallarood.connectors.sse.following": "SseMessage",
    "wallarood.connectors.sse.source": "SseSource",
    "wallarood.connectors.stdin": "StdinSource",
    "wallarood.connectors.stdout": "StdoutSink",
    "wallarood.connectors.tcp.sink": "TcpSink",
    "wallarood.connectors.tcp.source": "LineTcpSource TcpSource",
    "wallarood.connectors.websocket.source": "WebSocketSource",
    "wallarood.model.aggregation": "Aggregation",
    "wallarood.model.errors": (
        "ApplicationError PipelineError PositionGoneError ServerAwayError WallaroodError"
    ),
    "wallarood.model.pipeline": "Application DeadLetter",
    "wallarood.model.timing.windows": "Windowed Windows",
}
"""The names that each module has; after a colon, what a name is called there."""

WHERE = {
    name: (module, called or name)
    for module, names in HELD.items()
    for name, _, called in (each.partition(":") for each in names.split())
}
"""In which module a public name is, and what it is called there."""
