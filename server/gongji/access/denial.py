"""The deny list (吊销名单): callers, certificates and tokens that are admitted no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final, Self

import msgspec
from msgspec import Meta, Struct

from gongji.access.document import PolicyProblem, problems_of_table
from gongji.access.policy import PolicyFaultError
from gongji.model.toml import document_of

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")

_SERIAL: Final = re.compile(r"[0-9a-f]{1,40}")

_CERTIFICATES: Final = (
    "列表，每项为证书的指纹（“sha256:”加 64 位十六进制，国密的库为“sm3:”）"
    "或序列号（十六进制）"
)


class DenyDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file as it is written."""

    callers: Annotated[list[str], Meta(description="调用方名称的列表")] = []
    certificates: Annotated[list[str], Meta(description=_CERTIFICATES)] = []
    tokens: Annotated[list[str], Meta(description="令牌编号（jti）的列表")] = []


class DenyList(Struct, frozen=True):
    """Who is denied: names, fingerprints and serials in small letters, and `jti`."""

    callers: frozenset[str] = frozenset()
    certificates: frozenset[str] = frozenset()
    tokens: frozenset[str] = frozenset()

    @classmethod
    def of(cls, text: str, name: str = "deny", label: str = "sha256") -> Self:
        """Return the list a text states, fingerprints by one hash. PolicyFaultError."""
        try:
            stated = document_of(text)
        except ValueError as fault:
            raise PolicyFaultError(name, [PolicyProblem((), str(fault))]) from fault
        if problems := list(problems_of_table(stated, DenyDocument, ())):
            raise PolicyFaultError(name, problems)
        document = msgspec.convert(stated, DenyDocument)
        stated_certificates = document.certificates
        certificates = [(c, certificate_number(c, label)) for c in stated_certificates]
        if problems := list(_misspelt(certificates)):
            raise PolicyFaultError(name, problems)
        return cls(
            frozenset(document.callers),
            frozenset([number for _, number in certificates if number]),
            frozenset(document.tokens),
        )


NOBODY_DENIED: Final = DenyList()


def certificate_number(text: str, label: str = "sha256") -> str | None:
    """Return a fingerprint or serial as it is compared; None if it is neither.

    A fingerprint by another hash than is compared would deny nobody: it is none.
    """
    plain = text.strip().lower()
    if plain.startswith(f"{label}:"):
        digits = plain.removeprefix(f"{label}:").replace(":", "")
        return f"{label}:{digits}" if _FINGERPRINT.fullmatch(digits) else None
    digits = plain.replace(":", "")
    return digits.lstrip("0") or "0" if _SERIAL.fullmatch(digits) else None


def _misspelt(certificates: list[tuple[str, str | None]]) -> Iterator[PolicyProblem]:
    for text, number in certificates:
        if number is None:
            yield PolicyProblem(
                ("certificates",), f"{text} 不是指纹或序列号：{_CERTIFICATES}"
            )
