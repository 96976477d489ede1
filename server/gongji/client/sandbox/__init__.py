"""A sandbox for integrators: its sample people, requests that it accepts, the page of both."""
