"""What a run leaves behind: the report with tiers and evidence, as JSON, as a page, as a badge."""
