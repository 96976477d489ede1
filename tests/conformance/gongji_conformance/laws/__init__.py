"""The laws every city keeps: their register, the tests that hold them, and what a city may declare not to have."""
