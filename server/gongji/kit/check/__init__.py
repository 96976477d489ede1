"""What `gongji check` finds out about a city: its source, its runs and its proof."""
