"""What a run leaves behind: tiers, the report as JSON and as a page, the badge."""
