"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from gongji.text.files import TextFile

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"

DAY: Final = click.DateTime(["%Y-%m-%d"])

MONTH: Final = click.DateTime(["%Y-%m"])

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
