"""One database, several processes: the store over PostgreSQL."""
