"""What was shown at the counter: messages to records and back."""

from __future__ import annotations

from typing import Final

from gongji.model.evidence import EvidenceSeen, VisitEvidence
from gongji.model.normal import certificate_number
from gongji.model.people import Certificate
from gongji.model.refusals import CertificateChecksum, MalformedField
from gongji.registry.rows import problems_of_certificate
from gongji.rpc.convert.values import Sources
from gongji.rules.codes import IDENTITY_CARD, EvidenceCheck, EvidenceType
from gongji.rules.terms import TERMS
from gongji.v1 import settlement_pb2 as pb

_NUMBER: Final = "bill.evidence.number"


def evidence_from(message: pb.VisitEvidence) -> VisitEvidence:
    """Return what was shown. MalformedField, CertificateChecksum; never with the number."""
    kind = EvidenceType(message.type)
    if kind is EvidenceType.IDENTITY_CARD:
        return VisitEvidence(kind, _identity_number(message.number))
    if kind is not EvidenceType.SOCIAL_SECURITY_CARD:
        return VisitEvidence(kind, message.number)
    if not message.card_sn:
        raise MalformedField(
            "社会保障卡须一并给出读卡所得的卡识别码（card_sn），至多 32 个字符，"
            "例如 340000D15600000512345678",
            field="bill.evidence.card_sn",
        )
    return VisitEvidence(kind, message.number, message.card_sn)


def _identity_number(sent: str) -> str:
    number = certificate_number(sent)
    problems = problems_of_certificate(Certificate(IDENTITY_CARD, number))
    if not problems:
        return number
    told = f"{problems[0].message}；例如 110101199001011237"
    if problems[0].reason == CertificateChecksum.reason():
        raise CertificateChecksum(told, field=_NUMBER)
    raise MalformedField(told, field=_NUMBER)


def write_evidence(
    seen: EvidenceSeen, area_code: str, sources: Sources, message: pb.EvidenceSeen
) -> None:
    """Write what a settlement keeps of it into a reply."""
    message.type = pb.EvidenceType.ValueType(seen.type)
    message.checked = pb.EvidenceCheck.ValueType(seen.checked)
    message.rule.CopyFrom(sources.rule_to(area_code, seen.rule))
    message.in_words = (
        f"{TERMS[EvidenceType][seen.type]}，{TERMS[EvidenceCheck][seen.checked]}"
    )
