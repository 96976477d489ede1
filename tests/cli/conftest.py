"""A whole service in a thread, on a free port of the loopback, for tests of the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from gongji.cities.city import Cities
from gongji.serve.settings import Settings

from tests.cli.command import StartSandbox
from tests.scaffold.cities import shipped
from tests.scaffold.running import running


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[StartSandbox]:
    """Start sandboxes; all end with the test."""
    with ExitStack() as stack:

        def start(
            *,
            cities: Cities | None = None,
            sample: bool = True,
            data: Path | None = None,
        ) -> str:
            settings = Settings(
                address="127.0.0.1:0",
                data=data or tmp_path / "var",
                sample=sample,
                sandbox=True,
                authorities={"340800": "安庆市示例医疗保障局"},
            )
            return stack.enter_context(running(settings, cities or shipped()))

        yield start
