"""The conformance suite: laws and each city's cases, asked of any server over gRPC."""
