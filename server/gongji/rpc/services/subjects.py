"""For whom a call is made (代谁办理): its metadata read once, before anything else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from gongji.access.identity import SUBJECT_KEY
from gongji.access.policy import AccessPolicy
from gongji.model.refusals import SubjectRequired
from gongji.model.subject import CLOCK_SKEW, NO_SUCH_PERSON, Subject
from gongji.rpc.convert.subject import subject_from, subject_message
from gongji.rpc.services.people import People
from gongji.store import Store
from gongji.v1 import access_pb2 as pb


class Subjects:
    """The people for whom callers act, as their metadata name them."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], policy: AccessPolicy
    ) -> None:
        self._people = People(store)
        self._clock = clock
        self._policy = policy

    async def of(self, packed: bytes) -> Subject:
        """Return the subject of a call.

        MalformedField, CertificateChecksum with a path below `x-gongji-subject-bin`;
        SubjectRequired if the person was identified too long ago; GuessingPaused.
        """
        message = subject_message(packed)
        if not message.HasField("person"):
            return subject_from(message, "")
        # Too old an identification is none: not looked up at all.
        self._refuse_untimely(subject_from(message, NO_SUCH_PERSON))
        return subject_from(message, await self._number(message))

    async def _number(self, message: pb.Subject) -> str:
        """Return the person's number; of nobody known not said, one that nobody has."""
        if message.person.WhichOneof("by") == "person_no":
            return message.person.person_no
        found = await self._people.found(
            message.person.certificate, f"{SUBJECT_KEY}.person"
        )
        return found or NO_SUCH_PERSON

    def _refuse_untimely(self, subject: Subject) -> None:
        at, now = subject.identified_at, self._clock()
        if at is None:
            return
        field = f"{SUBJECT_KEY}.identified_at"
        if at > now + CLOCK_SKEW:
            raise SubjectRequired(f"{field}：核验时刻晚于现在", field=field)
        max_age_s = self._policy.subject_max_age_s
        if at < now - timedelta(seconds=max_age_s):
            raise SubjectRequired(
                f"{field}：核验已过 {max_age_s // 60} 分钟，请重新核验", field=field
            )
