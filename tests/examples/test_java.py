"""The Java client, held to the client conformance; needs a JDK and Debian's grpc-java."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from gongji_conformance.client import report
from gongji_conformance.client.process import command
from gongji_conformance.client.verdicts import IDS, judge

from tests.examples import java

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0
COMPILE_S = 600


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the protos and the client; return the folder of the classes."""
    java.require()
    folder = tmp_path_factory.mktemp("java")
    sources, classes = folder / "src", folder / "out"
    sources.mkdir()
    classes.mkdir()
    _generate(sources)
    example = ROOT / "examples" / "java"
    written = [*sources.rglob("*.java"), example / "Client.java"]
    written += (example / "debian").glob("*.java")
    arguments = folder / "arguments"
    arguments.write_text("\n".join(map(str, written)), encoding="utf-8")
    options = ["-nowarn", "-encoding", "UTF-8", "-cp", f"{java.JARS}/*"]
    _run("javac", *options, "-d", str(classes), f"@{arguments}")
    return classes


def _generate(sources: Path) -> None:
    """Write the messages and stubs as Java."""
    protos = [*(ROOT / "protos" / "gongji" / "v1").glob("*.proto")]
    protos.append(ROOT / "examples" / "node" / "errors.proto")
    _run(
        "protoc",
        f"-I{ROOT / 'protos'}",
        f"-I{ROOT / 'examples' / 'node'}",
        "--plugin=protoc-gen-grpc-java=/usr/bin/grpc_java_plugin",
        f"--java_out={sources}",
        f"--grpc-java_out={sources}",
        *map(str, protos),
    )


def _run(*arguments: str) -> None:
    ended = subprocess.run(  # noqa: S603 - the JDK and protoc
        arguments, capture_output=True, text=True, check=False, timeout=COMPILE_S
    )
    assert 0 == ended.returncode, ended.stderr


def test_the_java_client_passes(compiled: Path) -> None:
    """grpc-java passes every scenario and every law."""
    argv = ["java", "-cp", f"{compiled}:{java.JARS}/*", "Client"]
    verdicts = asyncio.run(judge(command(argv, LIMIT_S)))
    assert ["pass"] * len(IDS) == [verdict.word for verdict in verdicts], "\n".join(
        report.text(verdicts, argv)
    )
