"""How calls reach the service: processes, ports, clock and log."""
