"""The conformance suite: the same laws and each city's own cases, told to any server over the wire."""
