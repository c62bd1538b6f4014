"""What every exactly-once sink to a server shares: records are kept on disk until it has them."""
