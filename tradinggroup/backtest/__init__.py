"""Clock and broker on backtrader, baselines and metrics."""
