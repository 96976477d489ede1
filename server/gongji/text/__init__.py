"""Text as offices and people write it: encodings, unseen characters, rows of a file."""
