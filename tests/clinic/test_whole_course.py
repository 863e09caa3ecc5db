"""One course on the calendar: from an empty file through eight steps to the score of the twelfth month."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pumpd.clinic.entries import Entry
from pumpd.clinic.schedule import follow_up
from pumpd.clinic.store import Store
from pumpd.core.modes import Mode
from pumpd.core.phase import SessionPhase
from pumpd.records import reader
from tests.clinic.support import COURSE, MORNING
from tests.clinic.test_desk import AT, Lobby, begun, day, delivery, state
from tests.mqtt import examples


def infused(lobby: Lobby, name: str) -> None:
    """Let bed1 tell of a cleared infusion from the order to the close of its session."""
    order = examples.order().model_copy(update={"hash": name, "course": COURSE, "clearance": lobby.cleared("bed1")})
    shown = {"order": order, "session": f"s-{name}"}
    lobby.hear(state(lobby, None, Mode.READY, **shown, phase=SessionPhase.PREPARING))
    lobby.hear(state(lobby, None, Mode.RUNNING, **shown))
    lobby.now += timedelta(minutes=40)
    for phase in (SessionPhase.OBSERVING, SessionPhase.CLOSED):
        lobby.hear(state(lobby, None, Mode.COMPLETED, **shown, phase=phase, delivery=delivery("34.98", "35")))


def go_all_steps(lobby: Lobby) -> None:
    """Take a course from its first entry over three infusions to the score of the twelfth month."""
    begun(lobby)
    for number in (1, 2, 3):
        day(lobby)
        said = lobby.must("pia", "clear", bed="bed1").reason
        assert f"infusion {number}, 70 kg" in said
        infused(lobby, f"o{number}")
        lobby.now = MORNING + timedelta(days=2 * number)
        today = lobby.now.date().isoformat()
        assert any("mood-check" in each for each in lobby.must("anna", "show").courses[0].due)
        lobby.must("anna", "session", meeting="mood-check", on=today, therapist="anna")
        lobby.must("anna", "session", meeting="integration", on=today, therapist="tom")
        lobby.must("pia", "score", scale="BDI-II", total=30 - 5 * number, on=today, rater="tom", item9_reviewed=True)
    shown = lobby.must("pia", "show").courses[0]
    assert shown.exposure == "3 infusions, 2, 2 days apart, the last on 2026-03-06, 104.94 to 105 mg in all"
    assert "further-infusion" in shown.overridable
    days = follow_up(lobby.store.register.courses[COURSE], lobby.now)
    assert len(days) == 6
    for on in days:
        lobby.now = MORNING.replace(year=on.year, month=on.month, day=on.day)
        assert any("BDI-II due since" in each for each in lobby.must("anna", "show").courses[0].due), on
        lobby.must("anna", "score", scale="BDI-II", total=12, on=on.isoformat(), rater="tom")
        lobby.must("pia", "review", on=on.isoformat())
        assert not any("BDI-II" in each for each in lobby.must("anna", "show").courses[0].due), on


@pytest.mark.req("CLIN-01", "CLIN-10", "CLIN-12")
def test_three_infusions_and_a_year(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "clinic.db", wall=lambda: AT)) as store:
        lobby = Lobby(store)
        go_all_steps(lobby)
        last = lobby.must("pia", "show").courses[0]
        assert last.next_follow_up is None
        assert [score.total for score in last.scores] == [30, 25, 20, 15, *[12] * 6]
        assert last.scores[-1].change == -18
    with closing(Store(tmp_path / "clinic.db", wall=lambda: AT)) as again:
        assert again.register.courses[COURSE].revision == last.revision


# ---- killed while it writes -----------------------------------------------------------------------------------------

STRIDE_BYTES = 2_503
"""Between two cuts of the sample: a prime, so that they fall on ever other places of a frame."""
GOES_ON_EVERY = 5


class MarkedStore(Store):
    """A clinic's record that keeps how long its log was when each entry was durable."""

    def __init__(self, path: Path) -> None:
        self._log = path.with_name(f"{path.name}-wal")
        self.sizes: list[int] = []
        super().__init__(path, wall=lambda: AT)
        self.sizes.append(self._log.stat().st_size)

    def append(self, entry: Entry) -> None:
        super().append(entry)
        self.sizes.append(self._log.stat().st_size)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A message that came to the desk: where the record ended before and after it, and what the bed was told then."""

    now: datetime
    topic: str
    payload: bytes
    before: int
    after: int
    cleared: bytes | None


@dataclass
class NotingLobby(Lobby):
    """A lobby that keeps all that its desk heard."""

    heard: list[Heard] = field(default_factory=list)

    def deliver(self, topic: str, payload: bytes, *, retained: bool) -> None:
        before = self.store.head.seq
        super().deliver(topic, payload, retained=retained)
        told = Heard(
            now=self.now,
            topic=topic,
            payload=payload,
            before=before,
            after=self.store.head.seq,
            cleared=self.retained["pumpd/v1/bed1/clearance"],
        )
        self.heard.append(told)


@dataclass(frozen=True, kw_only=True)
class Played:
    """A whole course on a disk that kept everything, and how it came there."""

    heard: tuple[Heard, ...]
    entries: tuple[Entry, ...]
    db: bytes
    log: bytes
    sizes: tuple[int, ...]

    def cut(self, path: Path, size: int) -> Path:
        """Write what is on the disk when the log is cut there."""
        path.write_bytes(self.db)
        path.with_name(f"{path.name}-wal").write_bytes(self.log[:size])
        return path

    def durable(self, size: int) -> int:
        """Return how many entries were durable when the log was so long."""
        return max(number for number, until in enumerate(self.sizes) if until <= size)


@cache
def played() -> Played:
    with folder() as name, closing(MarkedStore(name / "clinic.db")) as store:
        lobby = NotingLobby(store)
        go_all_steps(lobby)
        assert len(store.sizes) == store.head.seq + 1
        return Played(
            heard=tuple(lobby.heard),
            entries=store.register.courses[COURSE].entries,
            db=(name / "clinic.db").read_bytes(),
            log=(name / "clinic.db-wal").read_bytes(),
            sizes=tuple(store.sizes),
        )


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder in memory where there is one: hundreds of files are made, and none need last."""
    memory = Path("/dev/shm")  # noqa: S108 - only as the parent of a folder of our own
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def without_ids(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries without the random part of what a bed tells."""
    return [replace(each, command_id="") for each in entries]


@pytest.mark.req("LOG-02", "LOG-04")
def test_cut_at_every_write_and_between_every_finished_entry_of_a_course_is_there() -> None:
    whole = played()
    assert len(whole.entries) > 70
    cuts = {*whole.sizes, *(size - 1 for size in whole.sizes[1:])}
    cuts |= {cut for cut in range(0, len(whole.log), STRIDE_BYTES) if cut >= whole.sizes[0]}
    with folder() as place:
        for cut in sorted(cuts):
            path = whole.cut(place / f"{cut}.db", cut)
            with closing(Store(path, wall=lambda: AT)) as store:
                assert store.head.seq == whole.durable(cut)
                courses = store.register.courses
                assert (courses[COURSE].entries if courses else ()) == whole.entries[: store.head.seq]
            assert reader.check(path) is None
            path.unlink()


@pytest.mark.req("CLIN-01", "CLIN-10", "LOG-02")
def test_killed_at_every_write_the_desk_opens_says_what_it_said_and_takes_the_same_step_again() -> None:
    whole = played()
    writing = [number for number, each in enumerate(whole.heard) if each.after > each.before]
    assert len(writing) > 70
    with folder() as place:
        for number in writing:
            step = whole.heard[number]
            for seq in range(step.before, step.after + 1):
                path = whole.cut(place / f"{number}-{seq}.db", whole.sizes[seq])
                with closing(Store(path, wall=lambda: AT)) as store:
                    again = Lobby(store, now=step.now)
                    if seq == step.after:
                        assert again.retained["pumpd/v1/bed1/clearance"] == step.cleared
                    again.deliver(step.topic, step.payload, retained=False)
                    assert store.head.seq == step.after, "neither lost nor done twice"
                    if seq == step.after and "/cmd/" in step.topic:
                        assert "acts at most once" in again.answers[-1][1].reason
                    assert again.retained["pumpd/v1/bed1/clearance"] == step.cleared
                    assert without_ids(store.register.courses[COURSE].entries) == without_ids(
                        whole.entries[: step.after]
                    )
                path.unlink()


@pytest.mark.req("CLIN-10", "CLIN-12", "LOG-02")
def test_killed_in_the_course_the_rest_of_it_goes_as_if_nothing_had_been() -> None:
    whole = played()
    writing = [number for number, each in enumerate(whole.heard) if each.after > each.before]
    with folder() as place:
        for number in writing[::GOES_ON_EVERY]:
            path = whole.cut(place / f"{number}.db", whole.sizes[whole.heard[number].before])
            with closing(Store(path, wall=lambda: AT)) as store:
                again = Lobby(store, now=whole.heard[number].now)
                for step in whole.heard[number:]:
                    again.now = step.now
                    while store.head.seq < step.before:  # what the office entered in between
                        store.append(whole.entries[store.head.seq])
                    again.deliver(step.topic, step.payload, retained=False)
                assert without_ids(store.register.courses[COURSE].entries) == without_ids(whole.entries)
            assert reader.check(path) is None
