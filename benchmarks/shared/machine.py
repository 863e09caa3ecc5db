"""How busy the machine was, and by whom (Linux, /proc)."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_STAT_FIELDS = 8  # user, nice, system, idle, iowait, irq, softirq, steal
_AFTER_NAME = 2  # in /proc/PID/stat, state is the first field after the name in brackets
_UTIME = 14 - 1 - _AFTER_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Shares of all the machine's processor time, 0 to 1."""

    all: float
    others: float
    steal: float

    def __str__(self) -> str:
        return f"machine busy {self.all:4.0%}, by others {self.others:4.0%}, steal {self.steal:4.1%}"


class BusyMeter:
    """Measures between construction and `read`; `pids` are the benchmark's own processes."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = tuple(pids)
        self._before, self._own_before = _ticks(), self._own()

    def read(self) -> Busy:
        """Return the shares since the last reading, and begin anew."""
        now, own_now = _ticks(), self._own()
        spent = [late - early for early, late in zip(self._before, now, strict=True)]
        own = own_now - self._own_before
        self._before, self._own_before = now, own_now
        total = max(sum(spent), 1)
        steal = spent[7]
        busy = total - spent[3] - spent[4]
        return Busy(all=busy / total, others=max(busy - steal - own, 0) / total, steal=steal / total)

    def _own(self) -> int:
        return sum(_process_ticks(pid) for pid in self._pids)


def _ticks() -> list[int]:
    line = Path("/proc/stat").read_text().splitlines()[0]
    return [int(field) for field in line.split()[1 : 1 + _STAT_FIELDS]]


def _process_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[_UTIME]) + int(fields[_UTIME + 1])


def described() -> str:
    """Return the kind of machine in one line."""
    return f"{os.cpu_count()} cores, {os.uname().sysname} {os.uname().release.split('-')[0]}"


def give_priority(pids: Iterable[int]) -> bool:
    """Give the main threads of processes real-time priority; return whether that is allowed."""
    lowest = os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO))
    try:
        for pid in pids:
            os.sched_setscheduler(pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, lowest)
    except PermissionError:
        return False
    return True
