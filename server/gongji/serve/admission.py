"""Who is admitted (准入): the policy and the credentials that the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass

from gongji.access.policy import AccessPolicy, AnybodyPolicy, LocalPolicy
from gongji.client.credentials import LOCAL_TOKEN
from gongji.serve.authentication import (
    AnybodyAuthenticator,
    Authenticator,
    LocalTokenAuthenticator,
)
from gongji.serve.listening import is_loopback
from gongji.serve.local_token import make_local_token, read_local_token
from gongji.serve.settings import Settings


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom a server knows, and how it tells who calls."""

    policy: AccessPolicy
    authenticator: Authenticator


def admission_of(settings: Settings) -> Admission:
    """Return who is admitted; the local token is made if it is what admits.

    ValueError or OSError if the settings cannot be met.
    """
    if settings.sandbox:
        return Admission(AnybodyPolicy(), AnybodyAuthenticator())
    token = read_local_token(make_local_token(settings.data))
    return Admission(LocalPolicy(), LocalTokenAuthenticator(token))


def admitted(settings: Settings) -> str:
    """Return who is admitted, in words."""
    if settings.sandbox:
        return "接纳：任何人，名称由其自报；只监听本机"
    token = settings.data / LOCAL_TOKEN
    return f"接纳：读得到 {token} 的进程（调用方 local，运营方）；只监听本机"


def check_reach(settings: Settings) -> None:
    """ValueError if others reach a server that cannot tell who calls; OSError."""
    if is_loopback(settings.address):
        return
    whom = "任何人" if settings.sandbox else "读得到令牌文件的人"
    raise ValueError(
        f"--address {settings.address} 不是本机回环地址：没有 TLS 与访问策略的服务接纳{whom}，"
        "只监听本机（127.0.0.1、[::1]、localhost）。对外服务的设置见 docs/operate.md"
    )
