"""The kit of city teams: a new city from answers, every hook and who answers it, why a
plugin is not loaded."""
