"""Fixtures of the kit's tests: the fourth city, written, and written and installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.kit.newcity import answers, project

from tests.kit.making import WUHU, Kit, make


@pytest.fixture(scope="session")
def wuhu(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The fourth city of the issue."""
    return make(tmp_path_factory.mktemp("wuhu"), WUHU, "wuhu")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The project of the fourth city, written and not installed."""
    folder = tmp_path / "gongji-wuhu"
    project.write(answers.read_file(WUHU), folder)
    return folder
