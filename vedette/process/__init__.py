"""What every process has: signals, children, logs, health and metrics."""
