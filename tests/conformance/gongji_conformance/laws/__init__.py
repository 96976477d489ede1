"""The laws every city keeps: their register and the tests that hold them."""
