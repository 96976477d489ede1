"""Who may use whose account: applications, their conditions, the life of a binding (绑定)."""
