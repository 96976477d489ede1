"""gRPC at arm's length: one thin file per service; what is malformed ends here, what is
refused is named here."""
