"""Whatever speaks to a running service: imports, credits, statements, reconciliation."""
