"""The share of the CPUs that is left to background processes."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.actors.free_cpus import WINDOW_S, FreeCpus


@dataclass
class Times:
    """CPU times of a Linux machine, in seconds since its start."""

    user: float = 0.0
    nice: float = 0.0
    system: float = 0.0
    idle: float = 0.0
    iowait: float = 0.0

    def pass_second(self, *, others: float, background: float) -> None:
        self.user += others
        self.nice += background
        self.idle += 1 - others - background


@dataclass
class TimesOfWindows:
    """CPU times of a system that has no background processes."""

    user: float = 0.0
    system: float = 0.0
    idle: float = 0.0


def test_the_share_is_what_is_idle_or_used_in_the_background() -> None:
    times = Times()
    cpus = FreeCpus(read=lambda: times)
    for second in range(10):
        cpus.look(now=float(second))
        times.pass_second(others=0.25, background=0.5)
    assert cpus.share is not None
    assert abs(cpus.share - 0.75) < 0.01


def test_what_was_long_ago_is_forgotten() -> None:
    times = Times()
    cpus = FreeCpus(read=lambda: times)
    for second in range(int(3 * WINDOW_S)):
        cpus.look(now=float(second))
        times.pass_second(others=1.0 if second < WINDOW_S else 0.0, background=0.0)
    assert cpus.share == 1.0


def test_after_forgetting_only_what_comes_counts() -> None:
    times = Times()
    cpus = FreeCpus(read=lambda: times)
    for second in range(20):
        if second == 10:
            cpus.forget()
            assert cpus.share is None
        cpus.look(now=float(second))
        times.pass_second(others=1.0 if second < 10 else 0.0, background=0.0)
    assert cpus.share == 1.0


def test_nothing_is_said_at_first_or_without_such_priorities() -> None:
    first, windows = FreeCpus(read=Times), FreeCpus(read=TimesOfWindows)
    first.look(now=0.0)
    for second in range(10):
        windows.look(now=float(second))
    assert first.share is None
    assert windows.share is None


def test_this_machine_has_a_share() -> None:
    cpus = FreeCpus()
    cpus.look(now=0.0)
    cpus.look(now=1.0)
    assert cpus.share is None or 0 <= cpus.share <= 1
