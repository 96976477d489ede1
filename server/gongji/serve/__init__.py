"""How calls reach the service: processes, ports, the clock, the log."""
