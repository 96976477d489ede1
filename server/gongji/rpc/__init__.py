"""What each call of the protos means: methods, services, conversion, statuses."""
