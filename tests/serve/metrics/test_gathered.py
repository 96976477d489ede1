"""The numbers of several processes are one page, and counters never fall."""

from __future__ import annotations

from gongji.serve.metrics.cells import Sample
from gongji.serve.metrics.families import (
    AVAILABLE,
    COMMIT,
    REFUSALS,
    TOLD_AT,
    WAITING,
    MetricFamily,
)
from gongji.serve.metrics.gathered import STALE_S, GatheredMetrics, Merged
from gongji.serve.metrics.told import Telling


class Page:
    """What is gathered, with a clock to be set."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.gathered = GatheredMetrics(lambda: self.now)

    def tell(
        self,
        process: str,
        family: MetricFamily,
        *samples: Sample,
        instance: str = "a",
        part: int = 0,
    ) -> None:
        telling = Telling(process, instance, family.name, part, samples)
        self.gathered.take(telling)

    def shown(self, family: MetricFamily) -> Merged:
        return {f.name: merged for f, merged in self.gathered.families()}.get(
            family.name, {}
        )


REFUSED = ("NOT_ENROLLED", "341100")


def test_counters_add_up() -> None:
    """What each process counted last adds up; what it told before does not."""
    page = Page()
    page.tell("worker-1", REFUSALS, (REFUSED, (1,)))
    page.tell("worker-1", REFUSALS, (REFUSED, (3,)))
    page.tell("worker-2", REFUSALS, (REFUSED, (4,)))
    assert {REFUSED: (7,)} == page.shown(REFUSALS)


def test_parts_of_a_family_stand_together() -> None:
    """A family told in two parts is all there; each part replaces itself only."""
    page = Page()
    other = ("NOT_ENROLLED", "340800")
    page.tell("service", REFUSALS, (REFUSED, (1,)))
    page.tell("service", REFUSALS, (other, (2,)), part=400)
    page.tell("service", REFUSALS, (REFUSED, (5,)))
    assert {REFUSED: (5,), other: (2,)} == page.shown(REFUSALS)


def test_counters_outlive_their_process() -> None:
    """A successor's counters come on top: no series falls, and nothing counts twice."""
    page = Page()
    for instance, told in (("a", 10), ("b", 1), ("c", 2)):
        page.tell("gateway", REFUSALS, (REFUSED, (told,)), instance=instance)
    page.tell("gateway", COMMIT, ((), (1.0,) * 17), instance="c")
    page.tell("gateway", COMMIT, ((), (2.0,) * 17), instance="d")
    assert {REFUSED: (13,)} == page.shown(REFUSALS)
    assert {(): (3.0,) * 17} == page.shown(COMMIT)


def test_gauges_end_with_their_process() -> None:
    """What only stood so is its successor's alone."""
    page = Page()
    page.tell("service", WAITING, ((), (7,)), instance="a")
    page.tell("service", WAITING, ((), (2,)), instance="b")
    assert {(): (2,)} == page.shown(WAITING)


def test_gauges_of_a_silent_process_are_not_shown() -> None:
    """After a while without a word only when it told last is shown, and what it counted."""
    page = Page()
    page.tell("worker-1", WAITING, ((), (7,)))
    page.tell("worker-1", REFUSALS, (REFUSED, (3,)))
    page.now += STALE_S + 1
    page.tell("worker-2", WAITING, ((), (1,)))
    assert {(): (1,)} == page.shown(WAITING)
    assert {REFUSED: (3,)} == page.shown(REFUSALS)
    assert {("worker-1",): (1000,), ("worker-2",): (page.now,)} == page.shown(TOLD_AT)


def test_gauges_add_up_or_the_worst_counts() -> None:
    """Queues add up; the database is away if it is away for one of the workers."""
    page = Page()
    for process, waiting, available in (("worker-1", 3, 1), ("worker-2", 4, 0)):
        page.tell(process, WAITING, ((), (waiting,)))
        page.tell(process, AVAILABLE, ((), (available,)))
    assert {(): (7,)} == page.shown(WAITING)
    assert {(): (0,)} == page.shown(AVAILABLE)


def test_an_unknown_family_is_ignored() -> None:
    """A child of another version may tell what this one does not know."""
    page = Page()
    page.gathered.take(Telling("service", "a", "gongji_new", 0, [((), (1.0,))]))
    assert [] == [*page.gathered.families()]
