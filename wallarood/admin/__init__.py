"""What a worker tells an operator: status and topology, over HTTP on a unix socket."""
