"""Options that several commands share."""

from __future__ import annotations

from typing import Final

import click

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"

DAY: Final = click.DateTime(["%Y-%m-%d"])

MONTH: Final = click.DateTime(["%Y-%m"])

target_option = click.option(
    "--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址."
)
