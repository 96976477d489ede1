"""Laws of files that are read again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from gongji.serve import watched
from gongji.serve.watched import WatchedFiles, watch
from structlog.testing import capture_logs

from tests.patience import PATIENCE_S


def read(contents: Sequence[bytes]) -> str:
    """Return what files say; some of them say nothing that can be read."""
    joined = b" ".join(contents)
    if b"!" in joined:
        raise ValueError("不对")
    if b"?" in joined:
        raise KeyError(joined)
    return joined.decode()


def written(tmp_path: Path, **texts: str) -> list[Path]:
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [tmp_path / name for name in texts]


def test_a_change_is_read(tmp_path: Path) -> None:
    """What changes in any of the files counts; what does not is not read as a change."""
    files = WatchedFiles(written(tmp_path, a="1", b="2"), read)
    assert ("1 2", False) == (files.value, files.refresh())
    written(tmp_path, b="3")
    assert (True, "1 3") == (files.refresh(), files.value)
    assert not files.refresh()
    (tmp_path / "a").touch()
    assert not files.refresh()


def test_a_change_within_one_instant_is_read(tmp_path: Path) -> None:
    """A file written again within the same tick of the disk's clock is noticed, though
    neither its size nor its time has changed."""
    (path,) = written(tmp_path, a="1")
    at = path.stat().st_mtime_ns
    files = WatchedFiles([path], read)
    path.write_text("2", encoding="utf-8")
    os.utime(path, ns=(at, at))
    assert (True, "2") == (files.refresh(), files.value)


@pytest.mark.parametrize(("text", "reason"), [("!", "不对"), ("?", "KeyError")])
def test_what_is_wrong_keeps_the_old(text: str, reason: str, tmp_path: Path) -> None:
    """Whatever a file says, the old stays, and that is told once; a sound one counts
    again. An unexpected error's own text is told to nobody."""
    (path,) = written(tmp_path, a="1")
    files = WatchedFiles([path], read)
    with capture_logs() as logs:
        written(tmp_path, a=text)
        assert [False] * 3 == [files.refresh() for _ in range(3)]
        path.unlink()
        assert [False] * 3 == [files.refresh() for _ in range(3)]
        assert "1" == files.value
        written(tmp_path, a="2")
        assert (True, "2") == (files.refresh(), files.value)
    events = [log["event"] for log in logs]
    assert ["policy_kept", "policy_kept", "policy_read"] == events
    assert reason == logs[0]["reason"]
    assert "不能读取" in logs[1]["reason"]
    assert all(["a"] == log["files"] for log in logs)


def test_what_is_too_big_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file beyond all measure is refused."""
    monkeypatch.setattr(watched, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="超过"):
        WatchedFiles(written(tmp_path, a="x" * 11), read)


async def test_calls_are_judged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each change, and from time to time without one."""
    monkeypatch.setattr(watched, "WATCH_S", 0.01)
    monkeypatch.setattr(watched, "JUDGE_S", 0.0)
    files = WatchedFiles(written(tmp_path, a="1"), read)
    judged: asyncio.Queue[str] = asyncio.Queue()

    async def judge() -> None:
        await judged.put(files.value)

    task = asyncio.ensure_future(watch([files], judge))
    try:
        assert "1" == await asyncio.wait_for(judged.get(), PATIENCE_S)
        written(tmp_path, a="2")
        while "2" != await asyncio.wait_for(judged.get(), PATIENCE_S):
            pass
    finally:
        task.cancel()
