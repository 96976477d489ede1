"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from gongji.text.files import TextFile

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"


class _Written(click.DateTime):
    """A day or a month in one form; what is wrong is said in Chinese."""

    def __init__(self, form: str, example: str) -> None:
        super().__init__([form])
        self._example = example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the instant it begins. BadParameter."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(
                f"应写作 {self._example} 的样子，且在日历上，得到 {value!r}", param, ctx
            )


DAY: Final = _Written("%Y-%m-%d", "2025-09-30")

MONTH: Final = _Written("%Y-%m", "2025-09")

target_option = click.option(
    "--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址."
)


def text_file(
    ctx: click.Context, _: click.Parameter, path: str | None
) -> TextFile | None:
    """Open the file of an argument or option, `-` being standard input. FileFaultError."""
    if path is None:
        return None
    file = TextFile.at(Path(path))
    ctx.call_on_close(file.close)
    return file
