"""Work of which few may be under way at once, whoever asks for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gongji.model.refusals import CallerOverLimit, Overloaded
from gongji.rpc.calls import current_call


class Few:
    """Places for work that costs seconds or tens of megabytes."""

    def __init__(self, what: str, *, most: int, most_of_a_caller: int) -> None:
        """Let so many be under way; `what` is its name in a refusal."""
        self._what = what
        self._most = most
        self._most_of_a_caller = most_of_a_caller
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for the current call. CallerOverLimit; Overloaded."""
        caller = current_call().caller
        if self._under_way[caller] >= self._most_of_a_caller:
            raise CallerOverLimit(
                f"本调用方正在办理的{self._what}已达上限（{self._most_of_a_caller}），"
                "请等到所示时刻再试。"
            )
        if self._under_way.total() >= self._most:
            raise Overloaded(
                f"正在办理的{self._what}已达上限（{self._most}），请等到所示时刻再试。"
            )
        self._under_way[caller] += 1
        try:
            yield
        finally:
            self._under_way[caller] -= 1
            if not self._under_way[caller]:
                del self._under_way[caller]
