"""Options of `gongji serve` that say who is admitted, and how connections are protected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

_FILE: Final = click.Path(path_type=Path)

_OPTIONS: Final = (
    click.option(
        "--tls-cert", type=_FILE, help="服务的证书链（PEM）；换发后自行重读。"
    ),
    click.option("--tls-key", type=_FILE, help="服务证书的私钥（PEM，权限 0600）。"),
    click.option(
        "--client-ca", type=_FILE, help="核对调用方证书的根证书（PEM）：双向 TLS。"
    ),
    click.option(
        "--policy", type=_FILE, help="访问策略（TOML）：有哪些调用方；改动后自行重读。"
    ),
    click.option(
        "--deny", type=_FILE, help="吊销名单（TOML）：停用的调用方、证书、令牌。"
    ),
    click.option(
        "--token-keys",
        type=_FILE,
        help="核对令牌（JWT）的公钥（JWKS）；改动后自行重读。",
    ),
    click.option("--token-issuer", default="", help="所信任的令牌签发方（iss）。"),
    click.option("--token-audience", default="", help="本服务在令牌中的名称（aud）。"),
    click.option(
        "--token-address",
        default="",
        metavar="HOST:PORT",
        help="另一监听地址：只凭令牌，不要求证书。",
    ),
    click.option(
        "--reflection/--no-reflection",
        default=None,
        help="反射（描述各服务）；默认：只在沙盒中开启。",
    ),
)


def door_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
