"""Every refusal, one class a reason; its category decides the gRPC code.

Refusal
├── Malformed: the request itself is wrong; nothing is written
│   ├── MalformedField
│   ├── PartsDoNotSum
│   ├── CertificateChecksum
│   ├── UnknownChannel
│   ├── UnsupportedVisitKind
│   ├── PageTokenInvalid
│   └── CursorInvalid
├── NotFound: something named does not exist; nothing is written
│   ├── CityNotServed
│   ├── PersonNotFound
│   ├── InstitutionNotFound
│   ├── ImportNotFound
│   ├── BindingNotFound
│   ├── SettlementNotFound
│   ├── CreditNotFound
│   ├── PremiumNotFound
│   ├── RefusalNotFound
│   ├── StatementNotFound
│   └── LeafNotFound
├── NotNow: refused because of time; ask again later; nothing is written
│   ├── NotInForce
│   ├── CounterClosed
│   ├── FutureServiceDay
│   ├── FutureMonth
│   ├── ParameterNotSet
│   ├── NoContributionBase
│   ├── NothingToResettle
│   └── LogContradicted
├── Refused: final; the same request id answers the same refusal again
│   ├── NotEligible
│   ├── IllegalTransition
│   ├── NotEnrolled
│   ├── InstitutionNotDesignated
│   ├── SchemeNotSettled
│   ├── FilingRequired
│   ├── GiverNotBound
│   ├── NoAccount
│   ├── AlreadyReversed
│   ├── NotLastSettlement
│   ├── AlreadyCredited
│   ├── OriginalReversed
│   ├── RequestExpired
│   ├── BalanceSpent
│   ├── BroughtForwardShort
│   ├── BalanceShort
│   ├── AlreadyPaid
│   └── RefundTooLate
├── Conflict: the request id, or the message id, was used for something else
│   ├── RequestIdReused
│   └── MessageIdReused
├── Unauthenticated: nobody knows who calls; nothing is read
│   ├── CredentialMissing
│   ├── CredentialInvalid
│   ├── CredentialExpired
│   ├── CredentialRevoked
│   └── CallerUnknown
├── Denied: the caller may not do this; said before anything is looked up
│   ├── NotPermitted
│   ├── SubjectRequired
│   └── SubjectNotParty
└── Unavailable: the service cannot answer now; try again
    ├── StoreUnavailable
    └── Exhausted: more than may be under way; when to try again is said
        ├── Overloaded
        ├── CallerOverLimit
        ├── GuessingPaused
        └── WatchBehind
"""

from __future__ import annotations

from gongji.model.refusal import Refusal as Refusal  # noqa: PLC0414 - imported from here


class Malformed(Refusal):
    """The request itself is wrong."""


class MalformedField(Malformed):
    """A field is missing, malformed or out of range."""


class PartsDoNotSum(Malformed):
    """Parts of an amount do not add up to its total."""


class CertificateChecksum(Malformed):
    """The identity number's check digit or birth date is wrong."""


class UnknownChannel(Malformed):
    """The city declares no such channel."""


class UnsupportedVisitKind(Malformed):
    """This kind of visit is not settled here."""


class PageTokenInvalid(Malformed):
    """The page token was not given for this filter."""


class CursorInvalid(Malformed):
    """A cursor is not the caller's, or the log it was given of is not there."""


class NotFound(Refusal):
    """Something named does not exist."""


class CityNotServed(NotFound):
    """No plugin serves this city."""


class PersonNotFound(NotFound):
    """The registry knows no such person."""


class InstitutionNotFound(NotFound):
    """The registry knows no such institution."""


class ImportNotFound(NotFound):
    """No import was applied under that request id."""


class BindingNotFound(NotFound):
    """There is no such binding."""


class SettlementNotFound(NotFound):
    """There is no such settlement."""


class CreditNotFound(NotFound):
    """No credit of that month stands."""


class PremiumNotFound(NotFound):
    """No premium of that id stands for the member's year."""


class RefusalNotFound(NotFound):
    """No refusal is remembered with that request id, for the person the caller acts for."""


class StatementNotFound(NotFound):
    """No statement was issued with that number and code."""


class LeafNotFound(NotFound):
    """The log has no such leaf."""


class NotNow(Refusal):
    """Refused because of time."""


class NotInForce(NotNow):
    """No rule is in force on that day."""


class CounterClosed(NotNow):
    """The counter is closed now."""


class FutureServiceDay(NotNow):
    """The visit lies in the future."""


class FutureMonth(NotNow):
    """The month to credit has not begun, or a balance's year is after the next one."""


class NothingToResettle(NotNow):
    """On what is known now the settlement is what it is; later facts may change that."""


class ParameterNotSet(NotNow):
    """The operator has not set a figure that no document gives."""


class NoContributionBase(NotNow):
    """The registry holds no contribution base for an active employee."""


class LogContradicted(NotNow):
    """The log contradicts itself: nothing is proved or signed until that is explained."""


class Refused(Refusal):
    """A final business refusal."""

    final = True


class NotEligible(Refused):
    """The application does not meet the conditions; all of them are listed."""


class IllegalTransition(Refused):
    """The binding is not in a state that allows this."""


class NotEnrolled(Refused):
    """The person is not enrolled that day."""


class InstitutionNotDesignated(Refused):
    """The institution is not designated that day."""


class SchemeNotSettled(Refused):
    """The city states no benefit of the scheme, and the operator has its bills refused."""


class FilingRequired(Refused):
    """Out-of-area care needs a filing before direct settlement."""


class GiverNotBound(Refused):
    """A giver named by the bill is not bound to the patient."""


class NoAccount(Refused):
    """The person has no personal account."""


class AlreadyReversed(Refused):
    """The settlement has been reversed already."""


class NotLastSettlement(Refused):
    """The city lets only the last settlement be reversed."""


class AlreadyCredited(Refused):
    """This month has been credited already."""


class OriginalReversed(Refused):
    """This request id was reversed before it arrived."""


class RequestExpired(Refused):
    """This request id was refused so long ago that nobody knows why any more."""


class BalanceSpent(Refused):
    """The purse no longer holds what should be taken back."""


class BroughtForwardShort(Refused):
    """Less was brought forward in all than should be taken back."""


class BalanceShort(Refused):
    """The purse does not hold the whole amount."""


class AlreadyPaid(Refused):
    """The member's premium of that year has been paid already."""


class RefundTooLate(Refused):
    """The premium is no longer refunded."""


class Conflict(Refusal):
    """The request id, or the message id, was used for something else."""


class RequestIdReused(Conflict):
    """The request id came before with other content, caller or method."""


class MessageIdReused(Conflict):
    """The institution's message id came before with another bill."""


class Unauthenticated(Refusal):
    """Nobody knows who calls."""


class CredentialMissing(Unauthenticated):
    """The call carries neither certificate nor token."""


class CredentialInvalid(Unauthenticated):
    """The certificate or token was not issued for this service, or says nothing."""


class CredentialExpired(Unauthenticated):
    """The certificate or token is not in force now."""


class CredentialRevoked(Unauthenticated):
    """The certificate, token or caller has been denied."""


class CallerUnknown(Unauthenticated):
    """The credential is good, but the policy names no such caller."""


class Denied(Refusal):
    """The caller may not do this; what it asked for may exist or not."""


class NotPermitted(Denied):
    """A caller of this kind may not, or not in this city, channel or institution."""


class SubjectRequired(Denied):
    """The caller must say for whom it acts, how and when that person was identified."""


class SubjectNotParty(Denied):
    """The person for whom the caller acts has no part in what is asked for."""


class Unavailable(Refusal):
    """The service cannot answer now; try again."""


class StoreUnavailable(Unavailable):
    """The database does not answer."""


class Exhausted(Unavailable):
    """More is asked for than may be under way."""

    retry_ms: int = 0
    """Milliseconds after which to try again; 0 if the load decides."""


class Overloaded(Exhausted):
    """Too many commands are waiting."""


class CallerOverLimit(Exhausted):
    """The caller has as much under way as its share allows."""


class GuessingPaused(Exhausted):
    """Too many wrong statements about a person: this caller has to wait."""


class WatchBehind(Exhausted):
    """Events are read too slowly: the reader goes on by its last cursor."""
