"""What `gongji check` finds out about a city."""
