"""What each call of the protos means: parsed, checked, decided, answered, or refused."""
