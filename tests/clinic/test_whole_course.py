"""One course on the calendar: from an empty file through eight steps to the score of the twelfth month."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from pumpd.clinic.schedule import follow_up
from pumpd.clinic.store import Store
from pumpd.core.modes import Mode
from pumpd.core.phase import SessionPhase
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


@pytest.mark.req("CLIN-01", "CLIN-10", "CLIN-12")
def test_three_infusions_and_a_year(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "clinic.db", wall=lambda: AT)) as store:
        lobby = Lobby(store)
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
            lobby.must(
                "pia", "score", scale="BDI-II", total=30 - 5 * number, on=today, rater="tom", item9_reviewed=True
            )
        shown = lobby.must("pia", "show").courses[0]
        assert shown.exposure == "3 infusions, 2, 2 days apart, the last on 2026-03-06, 104.94 to 105 mg in all"
        assert "further-infusion" in shown.overridable
        course = store.register.courses[COURSE]
        days = follow_up(course, lobby.now)
        assert len(days) == 6
        for on in days:
            lobby.now = MORNING.replace(year=on.year, month=on.month, day=on.day)
            assert any("BDI-II due since" in each for each in lobby.must("anna", "show").courses[0].due), on
            lobby.must("anna", "score", scale="BDI-II", total=12, on=on.isoformat(), rater="tom")
            lobby.must("pia", "review", on=on.isoformat())
            assert not any("BDI-II" in each for each in lobby.must("anna", "show").courses[0].due), on
        last = lobby.must("pia", "show").courses[0]
        assert last.next_follow_up is None
        assert [score.total for score in last.scores] == [30, 25, 20, 15, *[12] * 6]
        assert last.scores[-1].change == -18
    with closing(Store(tmp_path / "clinic.db", wall=lambda: AT)) as again:
        assert again.register.courses[COURSE].revision == last.revision
