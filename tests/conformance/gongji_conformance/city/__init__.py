"""The city under judgement: the way to its server, the people invented there, and the requests made of it."""
