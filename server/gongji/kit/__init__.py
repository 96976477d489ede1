"""What a city team is given: a new project, hooks explained, a city checked and proved."""
