"""City plugins found, checked, and read by day."""
