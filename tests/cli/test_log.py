"""`gongji log`: checkpoints, proofs, an export that is checked offline, a witness."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import StartSandbox, gongji


def run(*arguments: str) -> str:
    """What a command that succeeds prints."""
    result = gongji(*arguments)
    assert 0 == result.exit_code, result.output
    return result.stdout


def test_a_checkpoint_an_export_and_a_witness_agree(
    serving: StartSandbox, tmp_path: Path
) -> None:
    """What was kept of a running service proves the log offline."""
    target = ("--target", serving())
    note, file = tmp_path / "checkpoint", tmp_path / "log.jsonl"
    key = run("log", "key", *target).strip()
    run("log", "checkpoint", str(note), "--now", *target)
    run("log", "witness", str(tmp_path / "kept"), "--log-key", key, *target)
    run("log", "consistency", str(note), "--log-key", key, *target)
    run("log", "export", str(file), *target)
    kept = ("--checkpoint", str(note), "--log-key", key)
    found = json.loads(run("--json", "log", "verify", str(file), *kept))
    proof = json.loads(run("--json", "log", "prove", "--index", "0", *target))
    assert found["size"] > 1
    assert found["until"]
    assert proof["checkpoint"]["public_key"] == key


def test_what_does_not_hold_ends_in_one_sentence(
    serving: StartSandbox, tmp_path: Path
) -> None:
    """A line gone from an export, a leaf nobody has, none named, a file that is there."""
    target = ("--target", serving())
    file = tmp_path / "log.jsonl"
    run("log", "export", str(file), *target)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))
    for arguments, code, said in (
        (("verify", str(file)), 1, "文件中有"),
        (("prove", "--settlement", "S404", *target), 1, "S404"),
        (("prove", *target), 2, "--settlement"),
        (("export", str(file), *target), 1, "log.jsonl"),
    ):
        result = gongji("log", *arguments)
        assert code == result.exit_code, result.output
        assert said in result.stderr
