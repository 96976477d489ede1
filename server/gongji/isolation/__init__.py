"""Code that is not ours, run in processes of its own that can do nothing but answer."""
