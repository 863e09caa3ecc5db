"""The clinic's desk and a real daemon in simulated time: cleared, infused, counted, and meanwhile cleared nowhere."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import structlog

from pumpd.bedside.config import Config
from pumpd.clinic.decide import Asked, Clear, RefusedError, entry_for
from pumpd.clinic.desk import Desk
from pumpd.clinic.store import Store
from pumpd.core.commands import ReceiptState
from pumpd.core.modes import Mode
from pumpd.core.state import State
from pumpd.mqtt.topics import clinic_filters
from simulators.harness.virtual.bay import Bay, load_bed
from simulators.harness.virtual.nurse import ORDER, begin
from tests.clinic.support import COURSE, PEOPLE, POLICY, Clinic

REPOSITORY = Path(__file__).resolve().parents[2]
BEDS = ("bed1", "bed2")


@pytest.fixture(autouse=True)
def _silent_log() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture
def config() -> Config:
    """A bed whose profile asks for a clearance."""
    bed = load_bed(REPOSITORY / "config")
    return replace(bed, profile=replace(bed.profile, clearance_required=True))


class Office:
    """A desk at the bay's broker, its calendar that of the bay."""

    def __init__(self, bay: Bay, store: Store) -> None:
        self.bay, self.store = bay, store
        self.desk = Desk(
            store,
            policy=POLICY,
            operators=PEOPLE,
            beds=BEDS,
            now=self.now,
            publish=lambda topic, payload, *, qos, retain: bay.broker.publish(
                topic, payload, retain=retain and qos > 0
            ),
        )
        bay.broker.connect("clinic-desk", clinic_filters(BEDS), on_message=self.desk.message, on_lost=lambda: None)
        self.desk.connected()

    def now(self) -> datetime:
        return datetime.fromisoformat(self.bay.clock.wall_utc()).replace(microsecond=0)

    def record_all_but_the_clearance(self) -> None:
        clinic = Clinic(now=self.now())
        clinic.begin()
        clinic.day()
        for entry in clinic.see().entries:
            self.store.append(entry)

    def clear(self, bed: str) -> None:
        register = self.store.register
        course = register.courses[COURSE]
        asked = Asked(
            course=COURSE,
            revision=course.revision,
            command_id=f"clear-{course.revision}",
            by="pia",
            role=PEOPLE["pia"],
            wish=Clear(bed=bed),
        )
        self.store.append(entry_for(asked, register, POLICY, BEDS, self.now()))
        self.desk.tick()


def state_of(bay: Bay) -> State:
    assert bay.daemon is not None
    return bay.daemon.bedside.core.state


@pytest.mark.req("CLIN-01", "CLIN-10", "CMD-07", "UI-01", "VIT-12")
def test_a_cleared_infusion_from_order_to_end(config: Config, tmp_path: Path) -> None:
    with (
        closing(Store(tmp_path / "clinic.db", wall=lambda: "2026-01-01T00:00:00Z")) as store,
        Bay(config, seed=5) as bay,
    ):

        async def scenario() -> None:
            office = Office(bay, store)
            office.record_all_but_the_clearance()
            anna, ben = bay.nurse("anna"), bay.nurse("ben")
            bay.start_daemon()
            await bay.clock.pass_s(2)
            refused = await anna.command(ORDER)
            assert refused is not None
            assert refused.state is ReceiptState.REFUSED
            assert "bed1 has no clearance; the clinic must clear a course" in refused.reason
            office.clear("bed1")
            await bay.clock.pass_s(2)
            shown = anna.state
            assert shown is not None
            assert shown.clearance is not None
            assert (shown.clearance.course, shown.clearance_waived) == (COURSE, False)
            assert await begin(anna, ben)
            shown = anna.state
            assert shown is not None
            assert shown.order is not None
            assert shown.order.course == COURSE
            with pytest.raises(RefusedError, match="is still open at bed1; close it there first"):
                office.clear("bed2")
            await bay.clock.pass_s(30)
            await anna.stop("enough")
            await bay.clock.pass_s(10)
            assert state_of(bay).mode is Mode.ENDED
            assert state_of(bay).clearance is None, "it is used up"
            assert len(store.register.courses[COURSE].infusions) == 1
            low_ng, high_ng = store.register.courses[COURSE].given_ng
            assert low_ng <= bay.delivered_nl() * 2 <= high_ng
            bay.kill_daemon()
            bay.start_daemon()
            await bay.clock.pass_s(5)
            note = store.register.courses[COURSE].open_session
            assert note is not None
            assert note.over

        bay.run(scenario())


@pytest.mark.req("CLIN-01")
def test_a_desk_that_is_gone_leaves_what_it_said_and_a_new_broker_leaves_nothing(
    config: Config, tmp_path: Path
) -> None:
    with (
        closing(Store(tmp_path / "clinic.db", wall=lambda: "2026-01-01T00:00:00Z")) as store,
        Bay(config, seed=6) as bay,
    ):

        async def scenario() -> None:
            office = Office(bay, store)
            office.record_all_but_the_clearance()
            office.clear("bed1")
            bay.broker.drop("clinic-desk")
            bay.start_daemon()
            await bay.clock.pass_s(3)
            assert state_of(bay).clearance is not None
            bay.broker.go_down(forgets_retained=True)
            await bay.clock.pass_s(2)
            bay.broker.come_up()
            await bay.clock.pass_s(20)
            assert state_of(bay).clearance is None

        bay.run(scenario())
