"""Bills with planted evidence of who stood at the counter."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final

from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2

from tests.canary.planted import HOLDER_CARD, MEMBER, MEMBER_CARD, PLANTED
from tests.cli.started import TODAY
from tests.scaffold.service import Service

_TOKEN: Final = PLANTED["a voucher's token"]

_SERIAL: Final = PLANTED["a card's serial"]

_ACCEPTED: Final = (
    pb.VisitEvidence(type=pb.EVIDENCE_TYPE_E_VOUCHER, number=_TOKEN),
    pb.VisitEvidence(type=pb.EVIDENCE_TYPE_IDENTITY_CARD, number=MEMBER_CARD),
    pb.VisitEvidence(
        type=pb.EVIDENCE_TYPE_SOCIAL_SECURITY_CARD, number=_TOKEN, card_sn=_SERIAL
    ),
)

_REFUSED: Final = (
    pb.VisitEvidence(type=pb.EVIDENCE_TYPE_IDENTITY_CARD, number=HOLDER_CARD),
    pb.VisitEvidence(type=pb.EVIDENCE_TYPE_IDENTITY_CARD, number=_TOKEN),
    pb.VisitEvidence(type=pb.EVIDENCE_TYPE_SOCIAL_SECURITY_CARD, number=_TOKEN),
    pb.VisitEvidence(type=pb.EVIDENCE_TYPE_E_VOUCHER, number=_TOKEN * 4),
    pb.VisitEvidence(type=pb.EVIDENCE_TYPE_E_VOUCHER, number=f"{_TOKEN}\x00"),
    pb.VisitEvidence(
        type=pb.EVIDENCE_TYPE_SOCIAL_SECURITY_CARD, number="1", card_sn=f"{_SERIAL} "
    ),
)


def planted_evidence() -> Iterator[pb.SettleRequest]:
    """Yield bills of the planted member, those that are settled and those refused."""
    for evidence in (*_ACCEPTED, *_REFUSED):
        bill = Service.bill(
            patient=types_pb2.PersonRef(person_no=MEMBER),
            service_day=TODAY,
            evidence=evidence,
        )
        yield pb.SettleRequest(request_id=str(uuid.uuid4()), bill=bill)
