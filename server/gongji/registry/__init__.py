"""People and institutions (登记), checked row by row."""
