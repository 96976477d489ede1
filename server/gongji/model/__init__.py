"""What decisions speak of: records, facts, commands and refusals."""
