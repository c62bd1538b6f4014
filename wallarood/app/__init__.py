"""What an application writes: pipelines, computations and the protocols of sources and sinks."""
