"""A policy as an operator writes it, for tests."""

from __future__ import annotations

from typing import Final

POLICY: Final = """
version = 1
revision = "2026-11-30"

[limits]
calls = 32

[callers.wanshitong]
kind = "app"
cities = ["3408"]
channels = ["wanshitong"]
certificates = ["spiffe://gongji.invalid/wanshitong", "CN=wanshitong"]
tokens = ["wanshitong"]
former = ["wst-backend"]
limits = { streams = 2 }

[callers.window]
kind = "counter"
cities = ["340800"]
channels = ["counter"]

[callers.bank]
kind = "bank"
cities = ["3408"]
channels = ["bank"]

[callers.hospital]
kind = "hospital"
institutions = ["H34080000001"]
certificates = ["spiffe://gongji.invalid/hospital"]

[callers.pharmacy]
kind = "pharmacy"
institutions = ["P34080000001"]

[callers.tax]
kind = "collector"
cities = ["3408"]

[callers.registry]
kind = "feeder"
cities = ["3408", "3411"]

[callers.review]
kind = "reviewer"
cities = ["3408"]

[callers.audit]
kind = "auditor"
cities = ["3408"]
fields = ["contribution_base", "kin"]

[callers.operations]
kind = "operator"
cities = ["*"]
former = ["operations", "ops"]

[callers.rules]
kind = "city_team"

[callers.trial]
kind = "tester"

[callers.proxy]
kind = "front"
certificates = ["CN=proxy"]
"""
"""One caller of each kind, most of them of the pooling area 3408."""
