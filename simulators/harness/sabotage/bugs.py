"""The bugs: each the slip that somebody might make where a rule lives. Knows the inside of the daemon.

Each replaces one function or method. Its docstring's first line is what the list shows; the rest says which rule it
breaks and which invariant of the oracle has to see that.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum, unique

from drivers.ne1000 import recipes
from drivers.ne1000.driver import Ne1000, _Task
from drivers.ne1000.numbers import THOUSANDTHS, Counters
from drivers.ne1000.replies import Reply
from pumpd.bedside.pump_port import PumpPort
from pumpd.core import causes, interlocks, judge, readiness, routine, starting
from pumpd.core.causes import Cause
from pumpd.core.commands import CommandReceived, Resume
from pumpd.core.controller import Core
from pumpd.core.delivery import Ledger
from pumpd.core.effects import Effect
from pumpd.core.interlocks import Interlocks, Trip
from pumpd.core.modes import Mode
from pumpd.core.ports import LinePolicy, Sample, Validity
from pumpd.core.profile import Action, AgeRule
from pumpd.core.state import Starting, State
from pumpd.core.vitals import Vitals


@unique
class Sabotage(Enum):
    """The closed list."""

    RESUME_WITHOUT_HUMAN = "resume-without-human"
    RUN_RETRIED = "run-retried"
    RENEWAL_WITHOUT_FRESH_VITALS = "renewal-without-fresh-vitals"
    READ_BACK_FORGOTTEN = "read-back-forgotten"
    STP_QUEUED = "stp-queued"
    AGE_REFRESHED = "age-refreshed"
    HIGH_BOUND_DROPS = "high-bound-drops"
    ROUNDING_UP = "rounding-up"
    STALE_PERMISSION = "stale-permission"
    INTENT_NOT_REJUDGED = "intent-not-rejudged"
    POLLS_KEEP_ALIVE = "polls-keep-alive"
    TOKEN_AFTER_RESTART = "token-after-restart"  # noqa: S105 - a name, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """`wrong` in the place of what `owner` calls `name`."""

    owner: object
    name: str
    wrong: object


@contextmanager
def applied(sabotage: Sabotage | None) -> Iterator[None]:
    """Put a bug in place for as long as the block lasts; None is no bug."""
    if sabotage is None:
        yield
        return
    bug = BUGS[sabotage]()
    right = vars(bug.owner)[bug.name]
    setattr(bug.owner, bug.name, bug.wrong)
    try:
        yield
    finally:
        setattr(bug.owner, bug.name, right)


def described(sabotage: Sabotage) -> str:
    """Return what a bug is, in one line."""
    return (BUGS[sabotage].__doc__ or "").splitlines()[0]


def resume_without_human() -> Bug:
    """A pause whose cause is gone is resumed by the daemon itself.

    Breaks CTRL-05: only a person resumes. I4 and I5 see a RUN that belongs to no new command.
    """
    right = routine.advance

    def wrong(state: State, now_ns: int, effects: list[Effect], *, vitals_frame: bool) -> None:
        right(state, now_ns, effects, vitals_frame=vitals_frame)
        order = state.order
        if state.mode is Mode.PAUSED and order is not None and not readiness.resume_blockers(state, now_ns):
            again = CommandReceived(
                user=state.started_by or order.prepared_by,
                id=f"again-{state.runs}",
                command=Resume(order_hash=order.hash),
                session=state.session,
                rev=state.rev,
                token=None,
                retained=False,
                received_real_ns=state.real_ns,
            )
            starting.begin(state, again, "resume", now_ns, effects, override=False)

    return Bug(owner=routine, name="advance", wrong=wrong)


def run_retried() -> Bug:
    """RUN is sent again when its reply is lost, as every other command is.

    Breaks DOSE-06: RUN leaves once, whatever comes. I5 sees the second RUN of one command.
    """
    right = Ne1000._run_answered

    def wrong(self: Ne1000, reply: Reply | None) -> None:
        if reply is None:
            self._run_since_ns = self._now_ns
        else:
            right(self, reply)

    return Bug(owner=Ne1000, name="_run_answered", wrong=wrong)


def renewal_without_fresh_vitals() -> Bug:
    """A vital sign that is too old alerts and does no more: the lease is renewed without it.

    Breaks VIT-02 and COMM-03. I3 sees flow that goes on without a usable sign.
    """
    right = interlocks._age_trip

    def wrong(rule: AgeRule, age_ns: int, vitals: Vitals, later_ns: int) -> Trip:
        return replace(right(rule, age_ns, vitals, later_ns), action=Action.ALERT)

    return Bug(owner=interlocks, name="_age_trip", wrong=wrong)


def read_back_forgotten() -> Bug:
    """What was sent to the pump is taken for what it holds.

    Breaks START-07. I1 sees flow faster than ordered, or more than ordered, from a pump that kept another number.
    """

    def wrong(command: str, wanted: str, reply: Reply, *, same: bool) -> tuple[str, str]:  # noqa: ARG001 - as the right one
        return command, wanted

    return Bug(owner=recipes, name="_check", wrong=wrong)


def stp_queued() -> Bug:
    """A stop waits its turn: the answer to a poll that is under way comes first.

    Breaks CTRL-03: a stop is written before anything else. I3 sees that it does not leave at once.
    """

    def wrong(self: PumpPort) -> None:
        driver = self.driver
        if isinstance(driver, Ne1000) and self.is_open:
            driver._abandon("a stop is wanted")
            driver._begin(_Task.RESTING, recipes.stop_and_look(heard=True))

    return Bug(owner=PumpPort, name="stop", wrong=wrong)


def age_refreshed() -> Bug:
    """A packet without a usable value repeats the last one, which counts as measured anew.

    Breaks VIT-05: what is unusable never refreshes. I3 sees flow that goes on without a usable sign.
    """
    right = Vitals.take

    def wrong(self: Vitals, sample: Sample, now_ns: int) -> Vitals:
        last = self.latest.get(sample.kind)
        if sample.validity is Validity.VALID or last is None:
            return right(self, sample, now_ns)
        return right(self, replace(last, measured_at_ns=sample.measured_at_ns, seq=sample.seq), now_ns)

    return Bug(owner=Vitals, name="take", wrong=wrong)


def high_bound_drops() -> Bug:
    """When the pump's port opens again the pump is taken to have stood still since its last count.

    Breaks DOSE-11: the high bound falls only to what a read-back proves. I8 sees the truth above it.
    """

    def wrong(self: Ledger) -> Ledger:
        if self.run is None:
            return self
        return replace(self, run=replace(self.run, moving_since_ns=None, flows_until_ns=None))

    return Bug(owner=Ledger, name="link_back", wrong=wrong)


def rounding_up() -> Bug:
    """The pump's counter, which cuts off what it does not show, is rounded up to its next digit.

    Breaks DOSE-03 and DOSE-11: nothing is rounded up. I8 sees a low bound above the truth, I1 an early COMPLETED.
    """

    def wrong(self: Counters) -> int:
        return (self.infused.thousandths + self.infused.count_thousandths) * self.unit.nl // THOUSANDTHS

    return Bug(owner=Counters, name="low_nl", wrong=property(wrong))


def stale_permission() -> Bug:
    """The judgement of the vital signs is kept until a sample changes them, as if time alone changed nothing.

    Breaks VIT-07: a lack of samples cannot suppress an evaluation. I3 sees flow that goes on without a usable sign.
    """
    right = causes._vital_causes
    kept: list[tuple[Vitals, Interlocks, tuple[Cause, ...]]] = []

    def wrong(state: State, now_ns: int) -> Iterator[Cause]:
        if not kept or kept[0][0] is not state.vitals or kept[0][1] is not state.interlocks:
            kept[:] = [(state.vitals, state.interlocks, tuple(right(state, now_ns)))]
        return iter(kept[0][2])

    return Bug(owner=causes, name="_vital_causes", wrong=wrong)


def intent_not_rejudged() -> Bug:
    """A start that was accepted goes through, whatever comes before RUN.

    Breaks START-06. I4 sees a RUN that is written while something bars every start.
    """

    def wrong(_state: State, _begun: Starting, _now_ns: int, _effects: list[Effect]) -> bool:
        return True

    return Bug(owner=starting, name="_still_allowed", wrong=wrong)


def polls_keep_alive() -> Bug:
    """A pump that does not obey is told to stop and asked for ever, which feeds its watchdog.

    Breaks COMM-04: after 3 s without rest there is silence. I2 sees the packets, I3 the flow.
    """
    right = Core.line_policy

    def wrong(self: Core, now_ns: int) -> LinePolicy:
        policy = right(self, now_ns)
        return LinePolicy.STOPPING if policy is LinePolicy.SILENT else policy

    return Bug(owner=Core, name="line_policy", wrong=wrong)


def token_after_restart() -> Bug:
    """A token that this daemon does not know is taken for one from before its restart, and let through.

    Breaks CMD-03: a restart makes every command stale. I4 sees flow that nobody has newly pressed for.
    """
    right = judge._stale

    def wrong(command: CommandReceived, state: State) -> str | None:
        return right(command, state) if command.token in dict(state.tokens) else None

    return Bug(owner=judge, name="_stale", wrong=wrong)


BUGS: dict[Sabotage, Callable[[], Bug]] = {
    Sabotage.RESUME_WITHOUT_HUMAN: resume_without_human,
    Sabotage.RUN_RETRIED: run_retried,
    Sabotage.RENEWAL_WITHOUT_FRESH_VITALS: renewal_without_fresh_vitals,
    Sabotage.READ_BACK_FORGOTTEN: read_back_forgotten,
    Sabotage.STP_QUEUED: stp_queued,
    Sabotage.AGE_REFRESHED: age_refreshed,
    Sabotage.HIGH_BOUND_DROPS: high_bound_drops,
    Sabotage.ROUNDING_UP: rounding_up,
    Sabotage.STALE_PERMISSION: stale_permission,
    Sabotage.INTENT_NOT_REJUDGED: intent_not_rejudged,
    Sabotage.POLLS_KEEP_ALIVE: polls_keep_alive,
    Sabotage.TOKEN_AFTER_RESTART: token_after_restart,
}
"""The bug of each name."""
