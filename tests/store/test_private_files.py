"""Which files of others a server does not take for its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gongji.store.private_files import refuse_exposed


def test_a_file_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is ours or root's; a folder may be anybody's, and what is not there too."""
    file = tmp_path / "gongji.key"
    file.write_bytes(b"")
    mode = os.stat_result((0o100600, 0, 0, 1, 4243, 0, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda _, **__: mode)
    monkeypatch.setattr(os, "geteuid", lambda: 4243)
    refuse_exposed(file)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(OSError, match="属于另一用户"):
        refuse_exposed(file)


def test_nothing_there(tmp_path: Path) -> None:
    """What is not there yet, and a folder of our own, are no fault."""
    refuse_exposed(tmp_path / "absent")
    refuse_exposed(tmp_path)
    assert [] == list(tmp_path.iterdir())
