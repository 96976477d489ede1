"""Measure in interleaved rounds: every subject at one number of callers, then at the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from statistics import median
from typing import Final, TypeVar

from tests.bench import ground
from tests.bench.extras import EXTRAS, Extra
from tests.bench.load import Measured, Window, load
from tests.bench.serving import Ground, Serving
from tests.bench.subjects import SERVERS, Subject

SERIALS: Final = 10_000_000
"""Ids set aside for one window."""

DISTURBED_CORES: Final = 0.25
"""Other work beside a window from which on it is measured again, in cores."""

T = TypeVar("T")
Point = tuple[str, int]
"""A subject's name and a number of callers."""

MaybeMeasured = Measured | None
"""What was measured in one round; None if it failed."""


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
    repeats: int = 2
    """How often a window is repeated beside which the machine did other work; the least
    disturbed counts."""

    def points(self) -> Iterator[tuple[Subject, int]]:
        """Yield one round's windows in their order.

        A subject that needs the figures of another comes after it.
        """
        for count in self.callers:
            for subject in self.subjects:
                if count in subject.callers and not subject.half_load_of:
                    yield subject, count
        for subject in self.subjects:
            is_early = not subject.half_load_of
            if is_early and set(subject.callers) & set(self.callers):
                continue
            for count in subject.callers:
                yield subject, count


@dataclass(frozen=True, slots=True)
class Results:
    """All windows by point and further figures by name, a round each; and what went wrong."""

    windows: dict[Point, list[MaybeMeasured]] = field(default_factory=dict)
    extras: dict[str, list[Mapping[str, float]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    flawed: dict[str, str] = field(default_factory=dict)
    """Subjects some of whose calls went wrong, with the last such window's counts."""
    kept: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By server: settlements acknowledged, and settlements found in its database afterwards."""

    def typical(
        self, name: str, callers: int, figure: Callable[[Measured], float]
    ) -> float | None:
        """Return the median of a figure over the rounds."""
        windows = self.windows.get((name, callers), ())
        return _median([figure(window) for window in windows if window])

    def ratio(self, point: Point, base: Point) -> float | None:
        """Return calls a second of one point by another's.

        The median of the rounds' quotients.
        """
        windows = self.windows.get(point, ())
        bases = self.windows.get(base, ())
        quotients = []
        for window, by in zip(windows, bases, strict=False):
            if window and by:
                quotients.append(window.calls_per_s / by.calls_per_s)
        return _median(quotients)

    def of_peak(self, point: Point, name: str) -> float | None:
        """Return calls a second of a point by the best of a subject.

        At any number of callers, round by round; the median of the quotients.
        """
        series = [windows for (of, _), windows in self.windows.items() if of == name]
        peaks = [_peak(windows) for windows in zip(*series, strict=False)]
        quotients = []
        for window, peak in zip(self.windows.get(point, ()), peaks, strict=False):
            if window and peak:
                quotients.append(window.calls_per_s / peak)
        return _median(quotients)

    def further(
        self, name: str, figure: Callable[[Mapping[str, float]], float]
    ) -> float | None:
        """Return the median of a further figure."""
        return _median([figure(figures) for figures in self.extras.get(name, ())])

    @property
    def others_cores(self) -> float:
        """Return the most the machine did beside in any window, in cores."""
        windows = chain.from_iterable(self.windows.values())
        return max((w.others_cores for w in windows if w), default=0.0)


def _peak(windows: Sequence[MaybeMeasured]) -> float:
    return max((w.calls_per_s for w in windows if w), default=0.0)


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


class Rounds:
    """One run: servers are started when first called and keep running.

    What fails is named and left out from then on.
    """

    def __init__(self, on: Ground, plan: Plan, say: Callable[[str], None]) -> None:
        self._on = on
        self._plan = plan
        self._say = say
        self._results = Results()
        self._up: dict[str, Serving] = {}
        self._down: dict[str, str] = {}
        self._acknowledged: Counter[str] = Counter()
        self._serial = 0
        self._calls = {
            "Settle": ground.settle_calls(on.folder),
            "Quote": ground.quote_calls(on.folder),
        }

    def results(self) -> Results:
        """Measure everything."""
        with ExitStack() as stack:
            for number in range(1, self._plan.rounds + 1):
                self._say(f"第 {number} 轮，共 {self._plan.rounds} 轮")
                for subject, callers in self._plan.points():
                    self._measure(stack, subject, callers)
                for extra in self._plan.extras:
                    self._measure_further(extra)
            self._verify()
        return self._results

    def _measure(self, stack: ExitStack, subject: Subject, callers: int) -> None:
        """Add a round's window of a point to the results."""
        point = subject.name, callers
        window = self._tried(subject, partial(self._window, stack, subject, callers))
        self._results.windows.setdefault(point, []).append(window)
        if window:
            self._say(_in_words(subject, window))

    def _measure_further(self, extra: Extra) -> None:
        """Add a round's further figures to the results."""
        measure = partial(extra.measure, self._on, self._plan.seconds)
        figures = self._tried(extra, measure)
        if not figures:
            return
        self._results.extras.setdefault(extra.name, []).append(figures)
        shown = ", ".join(f"{name} {value:,.1f}" for name, value in figures.items())
        self._say(f"{extra.title}: {shown}")

    def _tried(self, item: Subject | Extra, measure: Callable[[], T]) -> T | None:
        """Return what was measured; None if it failed, now or before.

        The others are measured all the same.
        """
        if item.name in self._results.failed:
            return None
        try:
            return measure()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this subject's
            self._fail(item.name, item.title, f"{type(error).__name__}: {error}")
            return None

    def _fail(self, name: str, title: str, reason: str) -> None:
        self._results.failed[name] = f"{title}: {reason}"
        self._say(f"未测得：{title}：{reason}")

    def _window(self, stack: ExitStack, subject: Subject, callers: int) -> Measured:
        """Return the first undisturbed window, else the least disturbed."""
        serving = self._server(stack, subject.server)
        rate = 0.0
        if subject.half_load_of:
            rate = self._half_load_of(subject.half_load_of)
        windows: list[Measured] = []
        for _ in range(1 + self._plan.repeats):
            windows.append(self._loaded(serving, subject, callers, rate))
            if windows[-1].others_cores <= DISTURBED_CORES:
                break
        return min(windows, key=lambda w: w.others_cores)

    def _loaded(
        self, serving: Serving, subject: Subject, callers: int, rate: float
    ) -> Measured:
        self._serial += 1
        window = Window(
            seconds=self._plan.seconds,
            warm=self._plan.warm,
            patients=subject.patients,
            serial=self._serial * SERIALS,
            rate=rate,
        )
        measured = load(serving.target, self._calls[subject.method], callers, window)
        if subject.method == "Settle":
            self._acknowledged[subject.server] += measured.acknowledged
        if measured.flaw:
            flaw = f"{subject.title}: {measured.flaw}"
            self._results.flawed[subject.name] = flaw
            self._say(f"有调用不成功：{flaw}")
        return measured

    def _server(self, stack: ExitStack, name: str) -> Serving:
        """Return a running server. RuntimeError, each time, if it could not be started."""
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
        """Return half the best rate of a subject in this round.

        RuntimeError if it was not measured.
        """
        series = self._results.windows.items()
        peak = _peak([windows[-1] for (of, _), windows in series if of == name])
        if not peak:
            msg = f"半负荷以 {name} 的最高速率为准，须一起测"
            raise RuntimeError(msg)
        return peak / 2

    def _verify(self) -> None:
        """Fail each server in whose database less is stored than was acknowledged."""
        for name, serving in self._up.items():
            if serving.settled is None or name not in self._acknowledged:
                continue
            acknowledged = self._acknowledged[name]
            stored = serving.settled()
            self._results.kept[name] = (acknowledged, stored)
            if stored < acknowledged:
                reason = f"答复成功 {acknowledged:,} 笔，库中只有 {stored:,} 笔"
                self._fail(f"{name}-kept", name, reason)


def _in_words(subject: Subject, window: Measured) -> str:
    parts = [
        f"{subject.title}：{window.callers} 个调用方 {window.calls_per_s:,.0f} 次/秒",
        f"p50 {window.p50_ms:.1f} ms",
        f"p99 {window.p99_ms:.1f} ms",
        f"CPU 服务 {window.server_us:.0f} 数据库 {window.database_us:.0f} µs/次",
        f"旁人 {window.others_cores:.2f} 核",
    ]
    if window.pushed_back:
        parts.append(f"推回 {window.pushed_back:,} 次")
    return ", ".join(parts)
