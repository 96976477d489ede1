"""The examples run in `make examples` only: they need node, npm and its registry."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("GONGJI_EXAMPLES") == "1" else ["test_*.py"]

# javac and the programs run a few seconds each, too short for Java's second compiler and
# its parallel collector to pay: a build takes half of the processor time without them.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
# Of the jars that javac is given none is searched for what would generate more code.
os.environ.setdefault("JDK_JAVAC_OPTIONS", "-proc:none")
