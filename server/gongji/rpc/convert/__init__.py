"""Messages of the protos to records of the model, and back."""
