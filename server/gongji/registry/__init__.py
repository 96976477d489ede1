"""Check and write the registry (登记) of people and institutions, row by row."""
