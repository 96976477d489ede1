"""Whatever speaks to a running service."""
