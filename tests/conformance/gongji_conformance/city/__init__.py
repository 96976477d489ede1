"""The city under test: its server, the people invented there, the requests made."""
