"""`make explore` walks the real core breadth first through everything that may happen at a bed, judging each step.

Beds with the same view (`acts.view`) are one state, of which the first that was met is walked on from. The walk ends
when no state is new, or after so many transitions. A broken invariant is told with the acts that lead to it.
"""

import argparse
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tools.prove.acts import ACTS, Act, View, view
from tools.prove.small_world import Bed, almost_given_bed, paused_bed, ready_bed, running_bed

ROOTS: Mapping[str, Callable[[], Bed]] = {
    "ready": ready_bed,
    "running": running_bed,
    "paused": paused_bed,
    "almost given": almost_given_bed,
}
"""Where the walk begins: all at once, so that a short one sees something of everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a walk has seen. `closed` says that nothing new is left to see."""

    states: int
    transitions: int
    closed: bool
    deepest: int
    modes: dict[str, int]
    broken: tuple[str, ...] = ()
    """The acts that broke an invariant, and last what it was."""


@dataclass(slots=True)
class _Seen:
    """Each state, and from which state by which act it was first reached."""

    path: dict[View, tuple[View | None, str]] = field(default_factory=dict)

    def to(self, state: View, act: str) -> tuple[str, ...]:
        """Return the acts that lead to a state, and one more."""
        acts = [act]
        at: View | None = state
        while at is not None:
            at, name = self.path[at]
            acts.append(name)
        return tuple(reversed(acts))


def explore(
    transitions: int, *, roots: Mapping[str, Callable[[], Bed]] = ROOTS, acts: Mapping[str, Act] = ACTS
) -> Found:
    """Walk on from every root until nothing is new, or for so many transitions."""
    seen = _Seen()
    waiting: deque[tuple[Bed, View, int]] = deque()
    done = deepest = 0
    modes: Counter[str] = Counter()
    for root, make in roots.items():
        first = make()
        seen.path[view(first)] = (None, root)
        modes[first.core.state.mode.value] += 1
        waiting.append((first, view(first), 0))
    broken: tuple[str, ...] = ()
    while waiting and done < transitions and not broken:
        bed, state, depth = waiting.popleft()
        deepest = max(deepest, depth)
        for name, act in acts.items():
            then = bed.copied()
            try:
                act(then)
            except (AssertionError, ValueError) as error:
                broken = (*seen.to(state, name), f"{type(error).__name__}: {error}")
                break
            done += 1
            found = view(then)
            if found not in seen.path:
                seen.path[found] = (state, name)
                modes[then.core.state.mode.value] += 1
                waiting.append((then, found, depth + 1))
    return Found(
        states=len(seen.path),
        transitions=done,
        closed=not waiting and not broken,
        deepest=deepest,
        modes=dict(sorted(modes.items())),
        broken=broken,
    )


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when every invariant held, else 1."""
    parser = argparse.ArgumentParser(prog="make explore", description=__doc__)
    parser.add_argument("--transitions", type=int, default=20_000, help="end after so many (default %(default)s)")
    asked = parser.parse_args(arguments)
    began_s = time.monotonic()
    found = explore(asked.transitions)
    print(
        f"{found.states} states, {found.transitions} transitions by {len(ACTS)} acts, "
        f"{time.monotonic() - began_s:.0f} s"
    )
    print(
        "closed: no state is left to see"
        if found.closed
        else f"not closed; the deepest state is {found.deepest} acts away"
    )
    print(", ".join(f"{mode} {count}" for mode, count in found.modes.items()))
    if found.broken:
        print(f"explore: broken by {' > '.join(found.broken)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
