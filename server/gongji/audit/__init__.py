"""What happened, provably: a leaf for each decision, a tree over them, signed checkpoints."""
