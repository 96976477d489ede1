"""Guesses about people (试探): wrong statements counted by caller, so that they end.

Counted in the database, they hold for every process and after a restart.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from gongji.model.refusals import GuessingPaused
from gongji.rules.codes import SHANGHAI

_Times = Annotated[int, Meta(ge=1, le=10_000, description="1 至 10000 的整数")]

_Seconds = Annotated[int, Meta(ge=1, le=86_400, description="1 至 86400 的整数，秒")]


class GuessingLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many wrong guesses in how many seconds lead to how long a pause.

    `wrong` are statements about one person that do not agree with the registry, `nobody`
    look-ups of one caller that find nobody.
    """

    wrong: _Times = 5
    # A channel of a whole city mistypes now and then, and asks for people of elsewhere.
    nobody: _Times = 30
    within_s: _Seconds = 900
    pause_s: _Seconds = 900


class Guesses(Struct, frozen=True, kw_only=True):
    """The wrong guesses of one caller since an instant, about one person or at nobody."""

    guesses_id: str
    wrong: int
    since: datetime
    paused_until: datetime | None = None

    @staticmethod
    def key_of(caller: str, person_no: str = "") -> str:
        """Return the key of a caller's guesses about a person, "" for look-ups."""
        # The person first: what is held about one lies together.
        return f"{person_no}/{caller}"


def refuse_paused(guesses: Guesses | None, now: datetime) -> None:
    """Refuse while a pause lasts, right or wrong. GuessingPaused."""
    if guesses is None or guesses.paused_until is None or now >= guesses.paused_until:
        return
    until = guesses.paused_until.astimezone(SHANGHAI)
    refusal = GuessingPaused(
        f"错误的陈述或查询过多，暂停受理至 {until:%H:%M:%S}；本次所述未作核对。"
    )
    refusal.retry_ms = -((now - guesses.paused_until) // timedelta(milliseconds=1))
    raise refusal


def one_more(
    key: str,
    guesses: Guesses | None,
    now: datetime,
    limits: GuessingLimits,
    most: int,
) -> Guesses:
    """Return the guesses after one more wrong one; with the last of `most` begins a pause."""
    window = timedelta(seconds=limits.within_s)
    # After a pause, or a window without one, counting begins anew. A clock set back
    # (sandbox) forgets as well, rather than never.
    if (
        guesses is None
        or guesses.paused_until is not None
        or not guesses.since <= now < guesses.since + window
    ):
        guesses = Guesses(guesses_id=key, wrong=0, since=now)
    wrong = guesses.wrong + 1
    until = now + timedelta(seconds=limits.pause_s) if wrong >= most else None
    return Guesses(guesses_id=key, wrong=wrong, since=guesses.since, paused_until=until)
