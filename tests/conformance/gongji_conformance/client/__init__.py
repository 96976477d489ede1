"""Judging channel clients: a scripted server that misbehaves, and what a client has to make of it.

The wire is gongji.v1 and plain gRPC; nothing else of ours takes part.
"""
