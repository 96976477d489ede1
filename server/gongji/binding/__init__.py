"""Who may use whose account."""
