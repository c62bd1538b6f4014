"""What Prometheus is told: names, and the values behind them."""
