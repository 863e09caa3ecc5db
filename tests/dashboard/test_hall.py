"""Log-in, presses, receipts and station beats at real brokers, with a page that is a list of scripts."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pumpd.core.commands import ReceiptState, Role
from pumpd.core.quantities import NS_PER_S
from pumpd.dashboard import seat as seats
from pumpd.dashboard.hall import Hall, Page
from pumpd.dashboard.requests import PressError
from pumpd.dashboard.seat import UNLOCKED_NS, Seat
from pumpd.mqtt.client import loop_ns
from pumpd.mqtt.payloads import Ack
from pumpd.mqtt.site import Site, SiteError
from tests.dashboard.beds import TOPICS, profile
from tests.mqtt.brokers import DaemonSide, RunningBroker, daemon_side, soon
from tests.mqtt.examples import AT, alarms, heartbeat, state
from tests.mqtt.test_mute_broker import CONNECT, PUBLISH, endpoint, mute_broker

pytestmark = pytest.mark.process


class Window:
    """A page without a browser: keeps what it was told."""

    def __init__(self) -> None:
        self.scripts: list[str] = []
        self.told = asyncio.Event()
        self.page: Page
        self.mark = 0.0

    def run(self, script: str) -> None:
        self.scripts.append(script)
        self.told.set()

    async def until(self, holds: Callable[[str], bool]) -> str:
        while not any(map(holds, self.scripts)):
            self.told.clear()
            await soon(self.told.wait())
        return next(filter(holds, self.scripts))

    async def picture(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask until a picture of bed1 is as wanted."""

        def found(script: str) -> bool:
            if not script.startswith("pumpd.truth.hear("):
                return False
            shown = json.loads(script.removeprefix("pumpd.truth.hear(").removesuffix(")").split(", ", 1)[1])
            return holds(shown[0])

        async with asyncio.timeout(15):
            while not any(map(found, self.scripts)):
                self.ask()
                await asyncio.sleep(0.05)
        script = next(filter(found, self.scripts))
        picture = json.loads(script.removeprefix("pumpd.truth.hear(").removesuffix(")").split(", ", 1)[1])[0]
        assert isinstance(picture, dict)
        return picture

    def ask(self, heard_age_s: float | None = None) -> None:
        self.mark += 500.0
        self.page.asked({"mark": self.mark, "sound": {"on": heard_age_s is not None, "heard_age_s": heard_age_s}})

    async def press(self, kind: str, *, late_ms: float = 0.0, **members: Any) -> str:
        self.ask()
        message = {
            "id": f"id-{kind}",
            "bed": "bed1",
            "kind": kind,
            "fields": {},
            "token": "token-1",
            "session": "s-1",
            "rev": 7,
            "mark": self.mark,
            "pressed": self.mark - late_ms,
            **members,
        }
        await self.page.pressed(message)
        return str(message["id"])

    async def receipt(self, command_id: str) -> dict[str, Any]:
        script = await self.until(lambda each: each.startswith("pumpd.receipt(") and command_id in each)
        found = json.loads(script.removeprefix("pumpd.receipt(").removesuffix(")"))
        assert isinstance(found, dict)
        return found


@contextlib.asynccontextmanager
async def hall_of(site: Site, *, connected: bool = True) -> AsyncIterator[Hall]:
    hall = Hall(site, reader="dashboard")
    running = asyncio.create_task(hall.run(), name="hall")
    try:
        async with asyncio.timeout(15):
            while connected and hall.board.broker_lost is not None:
                await asyncio.sleep(0.02)
        yield hall
    finally:
        running.cancel()
        await asyncio.wait([running])


async def seated(hall: Hall, user: str) -> tuple[Seat, Window]:
    key = await hall.log_in(user, hall.site.password(user), "127.0.0.1")
    seat = hall.seat(key)
    assert seat is not None
    async with asyncio.timeout(15):
        while not seat.is_connected:
            await asyncio.sleep(0.02)
    window = Window()
    window.page = hall.open(seat, ("bed1",), window.run)
    return seat, window


def tell_all(daemon: DaemonSide) -> None:
    daemon.publish(TOPICS.profile, profile().to_bytes(), retain=True)
    daemon.publish(TOPICS.state, state().to_bytes(), retain=True)
    daemon.publish(TOPICS.alarms, alarms().to_bytes(), retain=True)
    daemon.publish(TOPICS.heartbeat, heartbeat(1).to_bytes(), qos=0)


async def request_of(daemon: DaemonSide, user: str) -> dict[str, Any]:
    while True:
        topic, payload, _ = await soon(daemon.messages.get())
        if topic == TOPICS.request(user):
            found = json.loads(payload)
            assert isinstance(found, dict)
            return found


@pytest.mark.req("CMD-05")
async def test_only_a_right_password_opens_and_guessing_is_slowed(broker: RunningBroker) -> None:
    async with hall_of(broker.site) as hall:
        for user, password in (
            ("anna", "wrong"),
            ("nobody", "wrong"),
            ("dashboard", broker.site.password("dashboard")),
        ):
            with pytest.raises(PressError, match="account or password is wrong"):
                await hall.log_in(user, password, "10.0.0.7")
        with pytest.raises(PressError, match=r"wait \d+ s"):
            await hall.log_in("anna", broker.site.password("anna"), "10.0.0.7")
        key = await hall.log_in("ben", broker.site.password("ben"), "10.0.0.8")
        seat = hall.seat(key)
        assert seat is not None
        assert hall.role(seat) is Role.NURSE
        hall.log_out(key)
        assert hall.seat(key) is None
        assert hall.seat("") is None


@pytest.mark.req("CMD-01", "CMD-04")
async def test_a_press_goes_out_under_her_own_name_and_its_receipts_come_back(broker: RunningBroker) -> None:
    async with daemon_side(broker.site) as daemon, hall_of(broker.site) as hall:
        _, window = await seated(hall, "anna")
        command_id = await window.press("presence")
        made = await request_of(daemon, "anna")
        assert (made["kind"], made["id"], made["token"], made["rev"]) == ("presence", command_id, "token-1", 7)
        ack = Ack(id=command_id, kind="presence", state=ReceiptState.VERIFIED, reason="recorded", at=AT)
        daemon.publish(TOPICS.ack("anna"), ack.to_bytes())
        assert await window.receipt(command_id) == {"id": command_id, "state": "verified", "reason": "recorded"}


@pytest.mark.req("UI-01", "UI-02")
async def test_a_page_is_told_what_the_bed_says_now(broker: RunningBroker) -> None:
    async with daemon_side(broker.site) as daemon, hall_of(broker.site) as hall:
        _, window = await seated(hall, "anna")
        tell_all(daemon)
        shown = await window.picture(lambda picture: picture["mode"] == "running" and bool(picture["alarms"]))
        assert shown["values"]["given"]["text"] == "14.42 to 14.5 mg = 7.21 to 7.25 mL"
        assert (shown["token"], shown["rev"]) == ("token-1", 7)
        assert shown["order_hash"] == "c0ffee"


@pytest.mark.req("CMD-01", "CTRL-02")
async def test_a_late_press_starts_nothing_and_a_late_stop_stops(own_of_either: RunningBroker) -> None:
    async with daemon_side(own_of_either.site) as daemon, hall_of(own_of_either.site) as hall:
        _, window = await seated(hall, "anna")
        fields = {"order_hash": "c0ffee", "password": own_of_either.site.password("anna")}
        command_id = await window.press("start", late_ms=3_100.0, fields=fields)
        told = await window.receipt(command_id)
        assert told["state"] == "refused"
        assert "let go 3.1 s ago" in told["reason"]
        unknown_mark = await window.press("resume", fields={"order_hash": "c0ffee"}, mark=-1.0)
        assert "at a time that nobody knows" in (await window.receipt(unknown_mark))["reason"]
        await window.press("stop", late_ms=12_000.0)
        assert (await request_of(daemon, "anna"))["kind"] == "stop", "nothing else may have left before"


@pytest.mark.req("START-11")
async def test_a_start_needs_the_password_anew(own_of_either: RunningBroker) -> None:
    async with daemon_side(own_of_either.site) as daemon, hall_of(own_of_either.site) as hall:
        _, window = await seated(hall, "anna")
        for number, password in enumerate(("", "wrong", own_of_either.site.password("ben"))):
            fields = {"order_hash": "c0ffee", "password": password}
            told = await window.receipt(await window.press("start", id=f"bad-{number}", fields=fields))
            assert told["state"] == "refused"
            assert "password" in told["reason"]
        fields = {"order_hash": "c0ffee", "password": own_of_either.site.password("anna")}
        await window.press("start", fields=fields)
        made = await request_of(daemon, "anna")
        assert (made["kind"], made["id"]) == ("start", "id-start")
        assert "password" not in made


@pytest.mark.req("START-11")
async def test_a_late_confirmation_says_that_a_password_was_typed_only_where_the_broker_took_it(
    own_broker: RunningBroker,
) -> None:
    read = {
        "order_hash": "c0ffee",
        "weight_kg": "70",
        "concentration_mg_ml": "2",
        "drug": "ketamine",
        "syringe": "BD-60",
    }
    async with daemon_side(own_broker.site) as daemon, hall_of(own_broker.site) as hall:
        _, window = await seated(hall, "ben")
        forged = {**read, "authenticated": True}
        await window.press("confirm", id="without", fields=forged)
        assert (await request_of(daemon, "ben"))["authenticated"] is False
        told = await window.receipt(await window.press("confirm", id="wrong", fields={**read, "password": "wrong"}))
        assert told["state"] == "refused"
        assert "password" in told["reason"]
        password = own_broker.site.password("ben")
        await window.press("confirm", id="right", fields={**read, "password": password})
        made = await request_of(daemon, "ben")
        assert (made["id"], made["authenticated"]) == ("right", True)
        assert "password" not in made


@pytest.mark.req("CMD-04", "START-11")
async def test_a_command_that_left_and_that_no_broker_confirmed_is_unknown_and_not_refused(
    own_broker: RunningBroker,
) -> None:
    hall = Hall(own_broker.site, reader="dashboard")
    async with mute_broker(CONNECT) as broker:
        window = Window()
        seat = Seat(endpoint(broker), ("bed1",), user="anna", password="", shown=lambda _bed: None)
        window.page = hall.open(seat, ("bed1",), window.run)
        fields = {"order_hash": "c0ffee", "password": "taken by a broker that takes any"}
        told = await window.receipt(await window.press("start", fields=fields))
        assert broker.heard[:2] == [CONNECT, PUBLISH]
    assert told["state"] == "unknown"
    assert "check the pump" in told["reason"]


@pytest.mark.req("CTRL-02")
async def test_a_seat_that_was_left_alone_may_only_stop(
    own_of_either: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with daemon_side(own_of_either.site) as daemon, hall_of(own_of_either.site) as hall:
        seat, window = await seated(hall, "anna")
        assert not seat.is_locked(loop_ns() + UNLOCKED_NS - NS_PER_S)
        monkeypatch.setattr(seats, "UNLOCKED_NS", -1)
        assert seat.is_locked(loop_ns())
        told = await window.receipt(await window.press("presence"))
        assert told["state"] == "refused"
        assert "log in again" in told["reason"]
        await window.press("stop")
        assert (await request_of(daemon, "anna"))["kind"] == "stop"


@pytest.mark.req("ALRM-05")
async def test_a_station_beats_while_a_page_lives_and_listens_when_it_was_heard(own_broker: RunningBroker) -> None:
    async def beat(daemon: DaemonSide) -> dict[str, Any]:
        while True:
            topic, payload, _ = await soon(daemon.messages.get())
            if topic == TOPICS.station("anna"):
                found = json.loads(payload)
                assert isinstance(found, dict)
                return found

    async with daemon_side(own_broker.site) as daemon, hall_of(own_broker.site) as hall:
        _, window = await seated(hall, "anna")
        tell_all(daemon)
        shown = (heartbeat(1).token, heartbeat(2).token)
        await window.picture(lambda picture: picture["token"] == shown[0])
        first = await beat(daemon)
        assert (first["listening"], first["audible_test_age_s"]) == (False, None)
        assert first["token"] == shown[0]
        daemon.publish(TOPICS.heartbeat, heartbeat(2).to_bytes(), qos=0)
        await window.picture(lambda picture: picture["token"] == shown[1])
        while True:
            window.ask(heard_age_s=12.0)
            heard = await beat(daemon)
            if heard["listening"]:
                assert 12 <= heard["audible_test_age_s"] < 15
                assert heard["token"] == shown[1]
                break
        window.page.closed()
        await asyncio.sleep(2.5)  # a beat that was on its way is through
        while not daemon.messages.empty():
            daemon.messages.get_nowait()
        await asyncio.sleep(1.5)
        assert daemon.messages.empty(), "nobody beats for a page that is closed"


@pytest.mark.req("CMD-04")
async def test_without_a_broker_a_press_is_unknown_and_a_log_in_says_why(own_of_either: RunningBroker) -> None:
    async with hall_of(own_of_either.site) as hall:
        _, window = await seated(hall, "anna")
        own_of_either.kill()
        async with asyncio.timeout(15):
            while hall.board.broker_lost is None:
                await asyncio.sleep(0.05)
        told = await window.receipt(await window.press("stop"))
        assert told["state"] == "unknown"
        assert "check the pump" in told["reason"]
        with pytest.raises(PressError, match="the broker does not answer"):
            await hall.log_in("ben", own_of_either.site.password("ben"), "127.0.0.1")
        shown = await window.picture(lambda picture: picture["links"]["broker"][1] == "bad")
        assert shown["links"]["broker"][0].startswith("LOST")


async def test_a_bed_that_is_not_here_is_refused(own_broker: RunningBroker) -> None:
    async with hall_of(own_broker.site) as hall:
        _, window = await seated(hall, "anna")
        told = await window.receipt(await window.press("stop", bed="bed9"))
        assert (told["state"], told["reason"]) == ("refused", "nothing was sent: there is no bed 'bed9'")


def test_a_site_without_the_reader_is_refused(own_broker: RunningBroker) -> None:
    with pytest.raises(SiteError, match="no reader 'screens'"):
        Hall(own_broker.site, reader="screens")
