"""What was shown at the counter (就诊凭证): accepted or refused, and how it was checked.

It is judged once, when a bill is settled or quoted, and never again: what is found out
later of who the patient is does not change who stood there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gongji.model.evidence import (
    EvidenceSeen,
    ShownEvidence,
    SpentToken,
    TokenAnswer,
    TokenFault,
)
from gongji.model.evidence_refusals import (
    EvidenceNotAccepted,
    EvidenceOfAnother,
    EvidenceRequired,
    EvidenceTokenExpired,
    EvidenceTokenForeign,
    EvidenceTokenSpent,
    EvidenceTokenUnknown,
)
from gongji.model.facts import Facts, Need, by_key
from gongji.model.guessing import Guesses, one_more, refuse_paused
from gongji.model.normal import certificate_number
from gongji.model.people import Person
from gongji.model.refusals import Refused
from gongji.rules.clauses import Clause
from gongji.rules.codes import (
    IDENTITY_CARD,
    EvidenceCheck,
    EvidenceType,
    wire_name,
)
from gongji.rules.evidence import EvidenceAccepted
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import shown_in_words
from gongji.rules.terms import TERMS
from gongji.settlement.admission import AdmittedBill

_FIELD: Final = "bill.evidence"

_NUMBER: Final = "bill.evidence.number"

_REGISTERED_AS: Final = {
    EvidenceType.IDENTITY_CARD: IDENTITY_CARD,
    # psn_cert_type 90, whose number is the card's.
    EvidenceType.SOCIAL_SECURITY_CARD: "90",
}
"""The certificate under which the registry may know what was shown."""


def shown_needs(patient: str, shown: ShownEvidence | None) -> Iterator[Need]:
    """Yield whether the token was spent, and how often its caller showed wrong numbers."""
    # hot path: most bills say nothing of it.
    if shown is None:
        return
    if shown.token_id:
        yield by_key(SpentToken, shown.token_id)
    if shown.bound is not None:
        yield by_key(Guesses, Guesses.key_of(shown.caller, patient))


def judge(
    case: AdmittedBill, shown: ShownEvidence | None, facts: Facts
) -> EvidenceSeen | None:
    """Return what is kept of what was shown, None if nothing was and nothing need be.

    Every refusal of `model.evidence_refusals`; GuessingPaused.
    """
    terms = case.rules.value(CityRules.visit_evidence)
    accepted = terms.accepted(elsewhere=case.elsewhere is not None)
    # hot path: most bills say nothing of it.
    if shown is None and not accepted.required:
        return None
    cited = accepted.clauses or case.rules.answer(CityRules.visit_evidence).clauses
    shown = _accepted(case, shown, accepted, cited)
    checked = _checked(case.patient, shown, cited, facts)
    by_form = terms.by_form if checked is EvidenceCheck.FORM else ()
    rule = case.rules.ref(CityRules.visit_evidence, *cited, *by_form)
    return EvidenceSeen(shown.evidence.type, checked, rule)


def _accepted(
    case: AdmittedBill,
    shown: ShownEvidence | None,
    accepted: EvidenceAccepted,
    cited: Iterable[Clause],
) -> ShownEvidence:
    """Return what was shown, if it is accepted. EvidenceRequired, EvidenceNotAccepted."""
    if shown is None:
        raise EvidenceRequired(
            f"没有报送就诊凭证（evidence）：{_in_words(case, accepted)}；请患者出示后填写",
            field=_FIELD,
            clauses=cited,
            allowed=_allowed(accepted),
        )
    kind = shown.evidence.type
    if kind not in accepted.types:
        raise EvidenceNotAccepted(
            f"{_in_words(case, accepted)}，不认{TERMS[EvidenceType][kind]}；"
            "请患者改用其中一种",
            field=f"{_FIELD}.type",
            clauses=cited,
            allowed=_allowed(accepted),
        )
    return shown


def _in_words(case: AdmittedBill, accepted: EvidenceAccepted) -> str:
    where = "异地就医" if case.elsewhere else "本地就医"
    return f"参保地规定{where}认{shown_in_words(accepted.types)}"


def _allowed(accepted: EvidenceAccepted) -> str:
    return ",".join([wire_name(kind) for kind in accepted.types])


def spent_by(shown: ShownEvidence | None, settlement_id: str) -> Iterator[SpentToken]:
    """Yield the token that a settlement spends, if it does."""
    # Two that spend one token at a time both mean it to be new: the second meets the first.
    if shown is not None and shown.token_id:
        yield SpentToken(shown.token_id, settlement_id)


def _checked(
    patient: Person, shown: ShownEvidence, cited: Iterable[Clause], facts: Facts
) -> EvidenceCheck:
    """Return by what it was held to be the patient's, as far as anybody can tell."""
    if shown.answer is not None:
        _refuse_token(patient, shown.answer, cited, facts)
        return EvidenceCheck.ISSUER
    evidence, known = shown.evidence, patient.certificate
    # What was erased, and what nobody registered, cannot be compared.
    if not known.number or _REGISTERED_AS.get(evidence.type) != known.type:
        return EvidenceCheck.FORM
    _refuse_other_number(patient, shown, cited, facts)
    return EvidenceCheck.REGISTRY


def _refuse_other_number(
    patient: Person, shown: ShownEvidence, cited: Iterable[Clause], facts: Facts
) -> None:
    """Refuse a number that is not the patient's, and count it. GuessingPaused."""
    evidence, limits = shown.evidence, shown.bound
    key = Guesses.key_of(shown.caller, patient.person_no)
    guesses = facts.get(Guesses, key) if limits else None
    # Before it is compared: right and wrong end alike while a pause lasts.
    refuse_paused(guesses, facts.now)
    registered = certificate_number(patient.certificate.number)
    if certificate_number(evidence.number) == registered:
        return
    refusal = EvidenceOfAnother(
        f"所示{TERMS[EvidenceType][evidence.type]}的号码与登记的患者不符；"
        "请核对患者与就诊凭证，须出示患者本人的",
        field=_NUMBER,
        clauses=cited,
    )
    if limits is None:
        raise refusal
    raise refusal.leaving(one_more(key, guesses, facts.now, limits, limits.wrong))


def _refuse_token(
    patient: Person, answer: TokenAnswer, cited: Iterable[Clause], facts: Facts
) -> None:
    """Refuse a token its issuer does not stand by, another's, and one that was spent."""
    if answer.fault is not None:
        raise _faulty(answer.fault, cited)
    if answer.person_no != patient.person_no:
        raise EvidenceOfAnother(
            f"医保电子凭证的令牌不是患者本人的；请核对患者，{_AGAIN}",
            field=_NUMBER,
            clauses=cited,
        )
    if answer.token_id and facts.get(SpentToken, answer.token_id) is not None:
        raise EvidenceTokenSpent(
            f"医保电子凭证的令牌已经用过，一个令牌只结算一次；{_AGAIN}",
            field=_NUMBER,
            clauses=cited,
        )


def _faulty(fault: TokenFault, cited: Iterable[Clause]) -> Refused:
    """Return the refusal of a token that its issuer does not stand by."""
    if fault is TokenFault.UNKNOWN:
        return EvidenceTokenUnknown(
            f"签发方没有签发过这个医保电子凭证令牌；请核对是否扫全，{_AGAIN}",
            field=_NUMBER,
            clauses=cited,
        )
    if fault is TokenFault.FOREIGN:
        return EvidenceTokenForeign(
            f"医保电子凭证的令牌是为另一机构签发的，只在该机构有效；{_AGAIN}",
            field=_NUMBER,
            clauses=cited,
        )
    return EvidenceTokenExpired(
        f"医保电子凭证的令牌已经过期；{_AGAIN}", field=_NUMBER, clauses=cited
    )


_AGAIN: Final = "请患者重新出示电子凭证，以新的令牌和新的请求编号再办"
