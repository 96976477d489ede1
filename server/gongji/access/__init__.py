"""Who calls, for whom, and what each may do: callers, credentials, rights, the policy."""
