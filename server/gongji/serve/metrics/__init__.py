"""What happens, in numbers (指标): counted in each process, shown on one page.

families ── every series there may be: name, labels, meaning
cells ──── what counts, in this process; bound to its labels once
told ───── each process tells its parent, once a second, over a socket pair
gathered ─ the numbers of all processes, those that have ended included
page ───── /metrics, by prometheus_client, in a thread of its own
"""
