"""What the operating system refuses is said in Chinese."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from gongji.text.faults import sentence_of


def test_the_file_is_named(tmp_path: Path) -> None:
    """A fault names its file and says why, in no word of the system's."""
    with pytest.raises(FileExistsError) as refused:
        tmp_path.mkdir()

    assert sentence_of(refused.value) == f"{tmp_path}：已经存在"


def test_a_sentence_of_ours_stays() -> None:
    """A fault that was raised with a sentence keeps it."""
    assert sentence_of(OSError("端口被占用")) == "端口被占用"
    assert sentence_of(ValueError("不是日期")) == "不是日期"


def test_any_other_is_named_by_its_code() -> None:
    """A fault nobody foresaw is shown by its name in the manual."""
    assert sentence_of(OSError(errno.EXDEV, "Invalid link")) == "系统错误 EXDEV"
