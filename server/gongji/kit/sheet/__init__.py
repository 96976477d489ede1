"""A city's rules as a sheet that its people sign (规则清单), and one read back."""
