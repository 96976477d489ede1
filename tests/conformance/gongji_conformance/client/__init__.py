"""Judges channel clients: a server that misbehaves by script, and what they make of it.

Over gongji.v1 and plain gRPC; nothing else of ours takes part.
"""
