"""City plugins found, checked and read by day, the province below them."""
