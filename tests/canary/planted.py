"""What is planted of invented people, and every form in which it could be found again."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from gongji.v1 import types_pb2

from tests.cities.faulty_hooks import answering
from tests.packages import IDENTITY, Package
from tests.scaffold.people import identity_number
from tests.scaffold.service import Service

HOLDER, MEMBER = "CANARY7001", "CANARY7002"

HOLDER_CARD = identity_number(701, born="19770703")

MEMBER_CARD = identity_number(702, born="19780814")

PLANTED: Final[Mapping[str, str]] = {
    "the holder's name": "金丝雀甲",
    "the member's name": "金丝雀乙",
    "the holder's certificate": HOLDER_CARD,
    "the member's certificate": MEMBER_CARD,
    "the holder's phone": "13970107701",
    "the member's phone": "13970107702",
    "a material's reference": "CANARY-MATERIAL-7703",
    "a consent's reference": "CANARY-CONSENT-7704",
    "a reviewer's remark": "金丝雀备注",
    "why it was reversed": "金丝雀退费",
    "a filing number": "CANARYFILING7705",
    "a voucher's token": "CANARYTOKEN7706",
    "a card's serial": "CANARYSERIAL7707",
}
"""What says something of a person: it must be nowhere outside, nor lie open at rest."""

NUMBERS: Final[Mapping[str, str]] = {
    "the holder's number": HOLDER,
    "the member's number": MEMBER,
}
"""Keys of every table: open at rest (SECURITY.md), and nowhere outside."""


SAID_BY_PLUGINS: Final[Mapping[str, str]] = {
    "a plugin's name": "金丝雀丙",
    "a plugin's number": "13970107703",
}
"""What plugins say that cannot serve: shown to an operator who asks, and nowhere else."""

_NAME, _PHONE = SAID_BY_PLUGINS.values()

_ESCAPED: Final = f"'\"{_NAME}"
"""Both quotes before the name: Python escapes the one that it puts around."""

PLUGINS: Final = tuple(
    Package(f"gongji-canary{number}", f"canary{number}", source)
    for number, source in enumerate(
        (
            f"raise RuntimeError('{_NAME} {_PHONE}')",
            f"{IDENTITY}\n@hookimpl\ndef scope(): raise ValueError('{_NAME}')",
            f"{IDENTITY}\n@hookimpl\ndef scope(): return from_2023('{_NAME}')",
            f"{IDENTITY}\n@hookimpl\ndef scope(): return from_2023({_PHONE})",
            f"PLACE = replace(PLACE, area_code='{_NAME}')\n{IDENTITY}",
            f"PLACE = replace(PLACE, area_code={_ESCAPED!r})\n{IDENTITY}",
            answering("candidates", f"(Candidate('{_NAME}', '', LIMIT, (), ''),)"),
            answering("identity_checks", f"from_2023({{'{_NAME}': frozenset()}})"),
            answering("family_limit", f"(Ruled(LIMIT, '{_NAME}', ()),)"),
        )
    )
)
"""One that fails at import, one in a hook; the others' answers are none, or do not fit."""


def person(number: str, name: str, card: str, phone: str) -> types_pb2.Person:
    """Return a row of an import."""
    return Service.person(
        person_no=number,
        name=name,
        certificate=types_pb2.Certificate(type="01", number=card),
        phone=phone,
        insured_place="341100",
    )


def people() -> tuple[types_pb2.Person, types_pb2.Person]:
    """Return holder and member, who are a couple."""
    said = PLANTED
    holder = person(
        HOLDER, said["the holder's name"], HOLDER_CARD, said["the holder's phone"]
    )
    member = person(
        MEMBER, said["the member's name"], MEMBER_CARD, said["the member's phone"]
    )
    return holder, member


def forms(text: str) -> Iterator[bytes]:
    """Yield a text as it may lie in a file, a header, a URL or JSON."""
    plain = text.encode()
    yield plain
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    yield quote(text).encode()
    yield json.dumps(text)[1:-1].encode()
    for offset in range(3):
        # Without the characters that depend on what stands before and behind.
        coded = b64encode(b"\0" * offset + plain).rstrip(b"=")
        yield coded[4:-2] if offset else coded[:-2]


def found(outputs: Mapping[str, bytes], planted: Mapping[str, str]) -> set[str]:
    """Return what of the planted is in which output: "log: the holder's name"."""
    return {
        f"{output}: {name}"
        for output, content in outputs.items()
        for name, text in planted.items()
        if any(form in content for form in forms(text))
    }
