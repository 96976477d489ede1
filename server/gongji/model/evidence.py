"""What was shown at the counter (就诊凭证), what its issuer says, and what is kept of it.

The number, the token and the serial are never stored and never shown: a settlement keeps
what kind it was and by what it was checked.
"""

from __future__ import annotations

from enum import Enum
from hashlib import sha256
from typing import Protocol

from msgspec import Struct

from gongji.model.decided import RuleRef
from gongji.model.guessing import GuessingLimits
from gongji.model.people import Discreet
from gongji.rules.codes import EvidenceCheck, EvidenceType


class VisitEvidence(Discreet, frozen=True):
    """What was shown: mdtrt_cert_type, mdtrt_cert_no, card_sn ("" but of a card).

    `number` is an e-voucher's token, an identity card's number or a card's.
    """

    hidden = frozenset({"number", "card_sn"})

    type: EvidenceType
    number: str
    card_sn: str = ""


class TokenFault(Enum):
    """Why an issuer does not stand by a token."""

    UNKNOWN = "unknown"
    FOREIGN = "foreign"
    EXPIRED = "expired"


class TokenAnswer(Struct, frozen=True):
    """What an issuer says of a token (令牌): whose it is, or why it is none.

    `token_id` is stored as spent with the settlement: `SpentToken.id_of` the token.
    """

    person_no: str = ""
    token_id: str = ""
    fault: TokenFault | None = None


class TokenVerifier(Protocol):
    """Whoever can tell of an e-voucher's token: today a sandbox's issuer."""

    async def verify(self, token: str, institution_code: str) -> TokenAnswer | None:
        """Return what the issuer says of a token that an institution sends.

        None if it is no token of this issuer: it is judged by its form.
        """


class NotConfigured:
    """No issuer can be asked: tokens are judged by their form.

    In production the national platform (国家医保服务平台) would answer, to whom nothing is
    forwarded from here: only a sandbox has an issuer.
    """

    async def verify(self, token: str, institution_code: str) -> TokenAnswer | None:
        """Return None: nobody was asked."""
        del token, institution_code
        return None


class ShownEvidence(Struct, frozen=True):
    """What was shown, and what the issuer of a token says; None if nobody was asked.

    `guessing` bounds how often `caller` may show a number that is not the patient's; None
    if nothing is bounded.
    """

    evidence: VisitEvidence
    answer: TokenAnswer | None = None
    caller: str = ""
    guessing: GuessingLimits | None = None

    @property
    def bound(self) -> GuessingLimits | None:
        """Return what bounds guesses at the number, None if the registry has none of it."""
        is_token = self.evidence.type is EvidenceType.E_VOUCHER
        return None if is_token else self.guessing

    @property
    def token_id(self) -> str:
        """Return the token that is spent with the settlement, "" if there is none."""
        return self.answer.token_id if self.answer else ""


class EvidenceSeen(Struct, frozen=True):
    """What a settlement keeps of what was shown, and the rule that accepted it."""

    type: EvidenceType
    checked: EvidenceCheck
    rule: RuleRef


class SpentToken(Struct, frozen=True):
    """A token that a settlement spent, for ever, also if that is reversed."""

    token_id: str
    settlement_id: str

    @staticmethod
    def id_of(token: str) -> str:
        """Return the id of a token, from which nobody can tell it."""
        return sha256(token.encode()).hexdigest()
