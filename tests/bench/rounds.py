"""Interleaved rounds: within a round every subject is measured at one number of
callers, then at the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Final, TypeVar

from tests.bench import ground
from tests.bench.extras import EXTRAS, Extra
from tests.bench.load import Measured, load
from tests.bench.serving import Ground, Serving
from tests.bench.subjects import SERVERS, Subject

SERIALS: Final = 10_000_000
"""Ids set aside for one window."""

DISTURBED_CORES: Final = 0.25
"""Other work beside a window from which on it is measured again, in cores."""

T = TypeVar("T")
Point = tuple[str, int]
"""A subject's name and a number of callers."""

Window = Measured | None
"""What was measured in one round; None where it failed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, how often and how long; seconds of each window and of the
    warm-up before it."""

    subjects: Sequence[Subject]
    extras: Sequence[Extra] = EXTRAS
    callers: Sequence[int] = ()
    rounds: int = 3
    seconds: float = 3.0
    warm: float = 1.0
    again: int = 2
    """How often a window is measured again beside which the machine did other work; the
    least disturbed counts."""

    def points(self) -> Iterator[tuple[Subject, int]]:
        """One round's windows in their order; whoever needs the figures of another
        comes after it."""
        early = [s for s in self.subjects if not s.half_load_of]
        for count in self.callers:
            yield from ((s, count) for s in early if count in s.callers)
        for subject in self.subjects:
            if subject.half_load_of or not set(subject.callers) & set(self.callers):
                yield from ((subject, count) for count in subject.callers)


@dataclass(frozen=True, slots=True)
class Results:
    """All windows by point and all further figures by name, a round each; and what went
    wrong, by name."""

    windows: dict[Point, list[Window]] = field(default_factory=dict)
    extras: dict[str, list[Mapping[str, float]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    flawed: dict[str, str] = field(default_factory=dict)
    """Subjects some of whose calls went wrong, with the last such window's counts."""
    kept: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By server: settlements acknowledged, and settlements found in its database afterwards."""

    def typical(
        self, name: str, callers: int, figure: Callable[[Measured], float]
    ) -> float | None:
        """The median of a figure over the rounds."""
        return _median([figure(w) for w in self.windows.get((name, callers), ()) if w])

    def ratio(self, one: Point, other: Point) -> float | None:
        """Calls a second of one point by another's: the median of the rounds' quotients."""
        pairs = zip(
            self.windows.get(one, ()), self.windows.get(other, ()), strict=False
        )
        return _median([a.calls_per_s / b.calls_per_s for a, b in pairs if a and b])

    def of_peak(self, one: Point, name: str) -> float | None:
        """Calls a second of one point by the best of a subject at any number of
        callers, round by round."""
        series = [windows for (of, _), windows in self.windows.items() if of == name]
        peaks = [
            max((w.calls_per_s for w in windows if w), default=0.0)
            for windows in zip(*series, strict=False)
        ]
        pairs = zip(self.windows.get(one, ()), peaks, strict=False)
        return _median([a.calls_per_s / peak for a, peak in pairs if a and peak])

    def further(
        self, name: str, figure: Callable[[Mapping[str, float]], float]
    ) -> float | None:
        """The median of a further figure."""
        return _median([figure(found) for found in self.extras.get(name, ())])

    @property
    def others_cores(self) -> float:
        """The most the machine did beside in any window, in cores."""
        return max(
            (w.others_cores for windows in self.windows.values() for w in windows if w),
            default=0.0,
        )


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


class Run:
    """One run: servers are started when first called and kept; what fails is named and
    left out from then on."""

    def __init__(self, on: Ground, plan: Plan, say: Callable[[str], None]) -> None:
        self._on, self._plan, self._say = on, plan, say
        self._results = Results()
        self._up: dict[str, Serving] = {}
        self._down: dict[str, str] = {}
        self._acknowledged: dict[str, int] = {}
        self._serial = 0
        self._calls = {
            "Settle": ground.settle_calls(on.folder),
            "Quote": ground.quote_calls(on.folder),
        }

    def results(self) -> Results:
        """Measures everything."""
        with ExitStack() as stack:
            for number in range(1, self._plan.rounds + 1):
                self._say(f"第 {number} 轮, 共 {self._plan.rounds} 轮")
                for subject, callers in self._plan.points():
                    window = self._tried(
                        subject, partial(self._window, stack, subject, callers)
                    )
                    self._results.windows.setdefault(
                        (subject.name, callers), []
                    ).append(window)
                    if window:
                        self._say(_told(subject, window))
                for extra in self._plan.extras:
                    if found := self._tried(
                        extra, partial(extra.measure, self._on, self._plan.seconds)
                    ):
                        self._results.extras.setdefault(extra.name, []).append(found)
                        self._say(
                            f"{extra.title}: "
                            + ", ".join(f"{k} {v:,.1f}" for k, v in found.items())
                        )
            self._verify()
        return self._results

    def _tried(self, what: Subject | Extra, measure: Callable[[], T]) -> T | None:
        """What was measured; None where it failed now or before: the others are
        measured all the same."""
        if what.name in self._results.failed:
            return None
        try:
            return measure()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this subject's
            self._fail(what.name, what.title, f"{type(error).__name__}: {error}")
            return None

    def _fail(self, name: str, title: str, why: str) -> None:
        self._results.failed[name] = f"{title}: {why}"
        self._say(f"未测得: {title}: {why}")

    def _window(self, stack: ExitStack, subject: Subject, callers: int) -> Measured:
        """The first undisturbed window, else the least disturbed."""
        serving = self._server(stack, subject.server)
        rate = self._half_load_of(subject.half_load_of) if subject.half_load_of else 0.0
        windows: list[Measured] = []
        while not windows or (
            windows[-1].others_cores > DISTURBED_CORES
            and len(windows) <= self._plan.again
        ):
            windows.append(self._loaded(serving, subject, callers, rate))
        return min(windows, key=lambda w: w.others_cores)

    def _loaded(
        self, serving: Serving, subject: Subject, callers: int, rate: float
    ) -> Measured:
        self._serial += 1
        measured = load(
            serving.target,
            self._calls[subject.method],
            callers,
            seconds=self._plan.seconds,
            warm=self._plan.warm,
            patients=subject.patients,
            serial=self._serial * SERIALS,
            rate=rate,
        )
        if subject.method == "Settle":
            self._acknowledged[subject.server] = (
                self._acknowledged.get(subject.server, 0) + measured.acknowledged
            )
        if measured.flaw:
            self._results.flawed[subject.name] = f"{subject.title}: {measured.flaw}"
            self._say(f"有调用不成功: {self._results.flawed[subject.name]}")
        return measured

    def _server(self, stack: ExitStack, name: str) -> Serving:
        """A running server. RuntimeError with the reason, each time, where it could not
        be started."""
        if name in self._down:
            raise RuntimeError(self._down[name])
        if name not in self._up:
            try:
                self._up[name] = stack.enter_context(SERVERS[name](self._on, name))
            except Exception as error:
                self._down[name] = f"{type(error).__name__}: {error}"
                raise
        return self._up[name]

    def _half_load_of(self, name: str) -> float:
        """Half the best rate of a subject in this round. RuntimeError where it was not measured."""
        windows = [
            found[-1] for (of, _), found in self._results.windows.items() if of == name
        ]
        rates = [w.calls_per_s for w in windows if w]
        if not rates:
            msg = f"半负荷以 {name} 的最高速率为准, 须一起测"
            raise RuntimeError(msg)
        return max(rates) / 2

    def _verify(self) -> None:
        """What was acknowledged must be found in the database."""
        for name, serving in self._up.items():
            if serving.settled is None or name not in self._acknowledged:
                continue
            acknowledged, found = self._acknowledged[name], serving.settled()
            self._results.kept[name] = (acknowledged, found)
            if found < acknowledged:
                self._fail(
                    f"{name}-kept",
                    name,
                    f"答复成功 {acknowledged:,} 笔, 库中只有 {found:,} 笔",
                )


def _told(subject: Subject, window: Measured) -> str:
    pushed = f", 推回 {window.pushed_back:,} 次" if window.pushed_back else ""
    return (
        f"{subject.title}: {window.callers} 个调用方 {window.calls_per_s:,.0f} 次/秒, "
        f"p50 {window.p50_ms:.1f} ms, p99 {window.p99_ms:.1f} ms, "
        f"CPU 服务 {window.server_us:.0f} 数据库 {window.database_us:.0f} µs/次, "
        f"旁人 {window.others_cores:.2f} 核{pushed}"
    )
