"""Writes server/gongji/v1 from protos/gongji/v1; `--check` says whether what is
committed is current."""

from __future__ import annotations

import filecmp
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GENERATED = ROOT / "server" / "gongji" / "v1"


def generate(out: Path) -> None:
    """Runs protoc with the message, service and typing plugins into `out`."""
    sources = sorted(str(p) for p in (PROTOS / "gongji" / "v1").glob("*.proto"))
    includes = files("grpc_tools") / "_proto"
    status = protoc.main(
        [
            "protoc",
            f"-I{PROTOS}",
            f"-I{includes}",
            f"--python_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_out=quiet:{out}",
            f"--mypy_grpc_out=quiet:{out}",
            *sources,
        ]
    )
    if status:
        sys.exit(status)
    (out / "gongji" / "v1" / "__init__.py").write_text(
        '"""Generated from protos/gongji/v1 by protos/generate.py; never edited by hand."""\n'
    )


def main() -> None:
    """Regenerates in a scratch folder, then compares or copies."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = Path(scratch) / "gongji" / "v1"
        names = sorted(
            {p.name for p in fresh.iterdir()}
            | {p.name for p in GENERATED.glob("*.py*")}
        )
        stale = [n for n in names if not _same(fresh / n, GENERATED / n)]
        if "--check" in sys.argv:
            if stale:
                sys.exit(
                    f"generated code is not current: {', '.join(stale)}; run `make protos`"
                )
            return
        shutil.rmtree(GENERATED, ignore_errors=True)
        shutil.copytree(fresh, GENERATED)


def _same(fresh: Path, committed: Path) -> bool:
    return (
        fresh.exists()
        and committed.exists()
        and filecmp.cmp(fresh, committed, shallow=False)
    )


if __name__ == "__main__":
    main()
