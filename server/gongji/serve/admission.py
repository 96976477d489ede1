"""Who is admitted (准入): the policy and the credentials that the settings ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gongji.access.callers import Caller
from gongji.access.policy import AccessPolicy, AnybodyPolicy, FilePolicy, LocalPolicy
from gongji.client.credentials import LOCAL_TOKEN
from gongji.model.guessing import GuessingLimits
from gongji.serve.authentication import (
    AnybodyAuthenticator,
    Authenticator,
    LocalTokenAuthenticator,
)
from gongji.serve.identification import AccessFiles, PolicyAuthenticator
from gongji.serve.listening import host_and_port, is_loopback
from gongji.serve.local_token import LocalToken, read_local_token
from gongji.serve.settings import DATABASE, KEY_FILE, SANDBOX_MARK, Settings
from gongji.serve.tls import ServerTls, TlsFiles
from gongji.serve.watched import WatchedFiles
from gongji.store.private_files import refuse_exposed


class WatchedPolicy:
    """A policy that is read again as its file changes."""

    def __init__(self, file: WatchedFiles[FilePolicy]) -> None:
        self._file = file

    @property
    def subject_max_age_s(self) -> int:
        """Seconds for which a person counts as identified."""
        return self._file.value.subject_max_age_s

    @property
    def guessing(self) -> GuessingLimits:
        """How guesses about people are bounded."""
        return self._file.value.guessing

    def caller(self, name: str) -> Caller:
        """Return the caller of that name. CallerUnknown."""
        return self._file.value.caller(name)


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom a server knows, how it tells who calls, and how connections are protected.

    Another process that is sent it begins with what this one has read last.
    """

    policy: AccessPolicy
    authenticator: Authenticator
    tls: ServerTls | None = None

    @property
    def watched(self) -> Sequence[WatchedFiles[Any]]:
        """The files it is made of."""
        of_tls = [self.tls.watched] if self.tls else []
        return [*self.authenticator.watched, *of_tls]


def admission_of(settings: Settings) -> Admission:
    """Return who is admitted; the local token is made if it is what admits.

    ValueError or OSError if the settings cannot be met.
    """
    tls = ServerTls(files) if (files := tls_files(settings)) else None
    if settings.policy:
        by_policy = PolicyAuthenticator(access_files(settings, settings.policy))
        return Admission(WatchedPolicy(by_policy.policy), by_policy, tls)
    if settings.sandbox:
        return Admission(AnybodyPolicy(), AnybodyAuthenticator(), tls)
    token = LocalToken(settings.data)
    return Admission(LocalPolicy(), LocalTokenAuthenticator(token), tls)


def access_files(settings: Settings, policy: Path) -> AccessFiles:
    """Return the files that say who is admitted."""
    return AccessFiles(
        policy=policy,
        deny=settings.deny,
        token_keys=settings.token_keys,
        token_issuer=settings.token_issuer,
        token_audience=settings.token_audience,
        hasher=settings.hasher,
    )


def tls_files(settings: Settings) -> TlsFiles | None:
    """Return the files of the connections' protection; None if they are plain."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return TlsFiles(
        certificate=settings.tls_cert,
        key=settings.tls_key,
        client_ca=settings.client_ca,
    )


def admitted(settings: Settings) -> str:
    """Return who is admitted, in words."""
    if settings.policy:
        by = "证书" if settings.client_ca else "令牌"
        if settings.client_ca and settings.token_keys:
            by = "证书或令牌"
        also = settings.token_address
        at = f"；只凭令牌在 {also}" if also else ""
        return f"接纳：访问策略 {settings.policy} 中的调用方，凭{by}{at}"
    if settings.sandbox:
        return "接纳：任何人，名称由其自报；只监听本机"
    token = settings.data / LOCAL_TOKEN
    return f"接纳：读得到 {token} 的进程（调用方 local，运营方）；只监听本机"


def check_folder(settings: Settings) -> None:
    """Refuse a data folder that another user could have written in, or read the token of.

    So is one of a sandbox, unless this is one. OSError; ValueError.
    """
    if not settings.sandbox and (settings.data / SANDBOX_MARK).exists():
        raise ValueError(
            f"目录 {settings.data} 是沙盒的，里面的人都是虚构的：请另给一个 --data；"
            "要用沙盒，运行 gongji sandbox"
        )
    for name in ("", KEY_FILE, DATABASE):
        refuse_exposed(settings.data / name)
    token = settings.data / LOCAL_TOKEN
    if token.exists() and not (settings.policy or settings.sandbox):
        read_local_token(token)


def check_doors(settings: Settings) -> None:
    """ValueError if options or files do not go together, or others reach who admits them.

    OSError if an address has no place.
    """
    for problem in unmet(settings):
        raise ValueError(problem)
    for address in addresses(settings):
        host_and_port(address)
    if settings.token_address and not host_and_port(settings.token_address)[1]:
        raise ValueError("--token-address 须写明端口，不得为 0")
    _check_reach(settings)
    # Read here too, so that nothing is made for a server that cannot have them.
    if tls := tls_files(settings):
        ServerTls(tls)
    if settings.policy:
        PolicyAuthenticator(access_files(settings, settings.policy))


def _check_reach(settings: Settings) -> None:
    """ValueError if others reach a server that cannot tell who calls; OSError."""
    protected = settings.policy and settings.tls_cert
    if protected or all(is_loopback(address) for address in addresses(settings)):
        return
    whom = "任何人" if settings.sandbox else "读得到令牌文件的人"
    if settings.policy:
        whom = "调用方而不加密"
    raise ValueError(
        f"--address {settings.address} 不是本机回环地址：没有 TLS 与访问策略的服务接纳{whom}，"
        "只监听本机（127.0.0.1、[::1]、localhost）。要对外服务，请给出 --tls-cert、--tls-key、"
        "--policy，以及 --client-ca（凭证书）或 --token-keys（凭令牌），见 docs/operate.md"
    )


def addresses(settings: Settings) -> list[str]:
    """Return where the server is to listen."""
    return [
        address for address in (settings.address, settings.token_address) if address
    ]


def unmet(settings: Settings) -> Iterator[str]:
    """Yield which options lack another."""
    keys = settings.token_keys
    needs = {
        "--tls-cert": (settings.tls_cert, "--tls-key", settings.tls_key),
        "--tls-key": (settings.tls_key, "--tls-cert", settings.tls_cert),
        "--client-ca": (
            settings.client_ca,
            "--tls-cert 与 --policy",
            settings.tls_cert and settings.policy,
        ),
        "--deny": (settings.deny, "--policy", settings.policy),
        "--policy": (
            settings.policy,
            "--client-ca（凭证书）或 --token-keys（凭令牌）",
            settings.client_ca or keys,
        ),
        "--token-keys": (
            keys,
            "--policy、--token-issuer 与 --token-audience",
            settings.policy and settings.token_issuer and settings.token_audience,
        ),
        "--token-issuer": (settings.token_issuer, "--token-keys", keys),
        "--token-audience": (settings.token_audience, "--token-keys", keys),
        "--token-address": (
            settings.token_address,
            "--client-ca 与 --token-keys",
            settings.client_ca and keys,
        ),
    }
    for option, (given, others, there) in needs.items():
        if given and not there:
            yield f"{option} 须与 {others} 同用，见 docs/operate.md"
