"""What decisions speak of: records, refusals, facts and commands."""
