"""The national interface over HTTP: a message read, our service asked, its answer written.

app ──────── HTTP: limits, times, the log line
handler ─────── one message: who sent it, is it signed in, what answers it
gates ────── signature headers of the two kinds of gates
memory ───── nonces, sign-ins and files, in a file of its own
exchanges ── what each message asks of the gRPC service
"""
