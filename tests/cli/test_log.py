"""`gongji log`: checkpoints, proofs, an export that is checked offline, a witness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
    assert proof["public_key"] == key


@pytest.fixture
def handed_on(serving: StartSandbox, tmp_path: Path) -> tuple[Path, str]:
    """A folder of files that were handed on, and the key of the log."""
    target = ("--target", serving())
    key = run("log", "key", *target).strip()
    kept, log, leaf, compared = [
        str(tmp_path / name) for name in ("kept", "log", "leaf", "compared")
    ]
    run("log", "checkpoint", kept, "--now", *target)
    run("log", "export", log, "--records", *target)
    run("log", "prove", leaf, "--index", "0", "--records", *target)
    run("log", "consistency", kept, compared, "--log-key", key, *target)
    return tmp_path, key


def test_what_is_handed_on_is_checked_without_the_service(
    handed_on: tuple[Path, str],
) -> None:
    """The log with its records, a proof with its records, a comparison, a checkpoint."""
    folder, key = handed_on
    for name, said in (
        ("log", "条记录与其叶相符"),
        ("leaf", "条记录与其叶相符"),
        ("compared", "续成"),
        ("kept", "签名有效"),
    ):
        verify = ("log", "verify", str(folder / name), "--log-key", key)
        assert said in run(*verify)
        assert json.loads(run("--json", *verify))["size"] > 0


def test_a_record_changed_in_what_was_handed_on_is_named(
    handed_on: tuple[Path, str],
) -> None:
    """By its table and leaf."""
    folder, key = handed_on
    whole = (folder / "log").read_text("utf-8")
    bent = folder / "bent"
    bent.write_text(whole.replace("H34110000002", "H34110000003"), "utf-8")
    result = gongji("log", "verify", str(bent), "--log-key", key)
    assert 1 == result.exit_code
    assert "institution 的一条记录" in result.stderr


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
