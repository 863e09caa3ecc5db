"""A window on the clinic's desk, over real brokers, with a page that is a list of calls."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGSTOP
from typing import Any
from uuid import uuid4

import pytest

from pumpd.clinic.desk import Desk
from pumpd.clinic.store import Store
from pumpd.dashboard import seat as seats
from pumpd.dashboard.desk import DeskWindow
from pumpd.dashboard.hall import Hall, Page
from pumpd.mqtt.session import BrokerSession, Callbacks
from pumpd.mqtt.site import Site
from pumpd.mqtt.topics import RESERVED_BED, clinic_filters
from tests.clinic.support import POLICY
from tests.dashboard.test_hall import hall_of
from tests.mqtt.brokers import BROKERS, RunningBroker

pytestmark = pytest.mark.process

SECTION = """
[clinic]
account = "clinic-desk"
database = "clinic.db"
"""


@pytest.fixture(params=sorted(BROKERS))
def clinic_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    def prepare(site_file: Path) -> None:
        site_file.write_text(site_file.read_text(encoding="utf-8") + SECTION, encoding="utf-8")

    running = BROKERS[request.param](tmp_path, prepare)
    running.start()
    yield running
    running.end()


@contextlib.asynccontextmanager
async def desk_of(site: Site) -> AsyncIterator[None]:
    """Run the clinic's desk for the time of the block."""
    with contextlib.closing(Store(site.clinic_database, wall=lambda: datetime.now(UTC).isoformat())) as store:
        desk = Desk(
            store,
            policy=POLICY,
            operators=site.operators,
            beds=tuple(site.beds),
            now=lambda: datetime.now().astimezone(),
            publish=lambda topic, payload, *, qos, retain: session.publish(topic, payload, qos=qos, retain=retain),
        )
        session = BrokerSession(
            endpoint=site.endpoint,
            bed=RESERVED_BED,
            account="clinic-desk",
            password=site.service_password("clinic-desk"),
            boot="boot-1",
            filters=clinic_filters(tuple(site.beds)),
            callbacks=Callbacks(on_connected=desk.connected, on_message=desk.message, on_lost=lambda _: None),
        )
        running = asyncio.create_task(session.run(), name="clinic-session")
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])


class Window:
    """A page without a browser: keeps what its functions were called with."""

    def __init__(self, hall: Hall, kind: str, fields: dict[str, Any]) -> None:
        self.calls: list[tuple[str, list[Any]]] = []
        self.mark = 0.0
        self.revision: int | None = None
        self.page: Page
        self.window: DeskWindow
        self._hall, self._kind, self._fields = hall, kind, fields

    async def open(self, user: str) -> "Window":
        seat = self._hall.seat(await self._hall.log_in(user, self._hall.site.password(user), "127.0.0.1"))
        assert seat is not None
        self.page = self._hall.open(seat, (), self._run)
        self.window = DeskWindow(
            self.page,
            seat,
            self._hall.board,
            kind=self._kind,
            fields=self._fields,
            draw=lambda answer: answer.to_bytes().decode(),
        )
        return self

    def _run(self, script: str) -> None:
        name, _, arguments = script.partition("(")
        called = json.loads(f"[{arguments.removesuffix(')')}]")
        self.calls.append((name, called))
        if name == "pumpd.desk.hear" and called[1]["revision"] is not None:
            self.revision = called[1]["revision"]

    async def called(self, name: str, holds: Any = lambda *_: True) -> list[Any]:
        """Live until a function was called as wanted."""
        async with asyncio.timeout(15):
            while True:
                found = [each for each in self.calls if each[0] == name and holds(*each[1])]
                if found:
                    return found[-1][1]
                await self.live()
                await asyncio.sleep(0.05)

    async def live(self) -> None:
        self.mark += 500.0
        self.page.asked({"mark": self.mark, "sound": None})
        await self.window.asked()

    async def press(self, kind: str, fields: dict[str, Any], course: str | None) -> dict[str, Any]:
        """Press, and return the final word."""
        await self.live()
        press_id = str(uuid4())
        message = {"id": press_id, "kind": kind, "fields": fields, "course": course, "revision": self.revision}
        await self.window.pressed({**message, "mark": self.mark, "pressed": self.mark})
        (word,) = await self.called("pumpd.receipt", lambda told: told["id"] == press_id)
        assert isinstance(word, dict)
        return word


@pytest.mark.req("CMD-01", "CMD-04", "CMD-05")
async def test_what_is_asked_and_pressed_goes_out_under_her_own_name_and_comes_back(
    clinic_broker: RunningBroker,
) -> None:
    async with hall_of(clinic_broker.site) as hall, contextlib.AsyncExitStack() as stack:
        listed = await Window(hall, "worklist", {}).open("anna")
        await listed.called("pumpd.desk.tell", lambda trouble: "start it with `pumpd clinic`" in trouble)
        word = await listed.press("new", {"indication": "other"}, None)
        assert word["state"] == "refused"
        assert word["reason"].startswith("nothing was sent: the clinic's process is not there")
        await stack.enter_async_context(desk_of(clinic_broker.site))
        await listed.called("pumpd.desk.tell", lambda trouble: trouble == "")
        word = await listed.press("new", {"indication": "other"}, None)
        assert word["state"] == "verified"
        course = word["reason"].removeprefix("course ").removesuffix(": recorded")
        await listed.called("pumpd.desk.hear", lambda _, shown: course in shown["html"])

        one = await Window(hall, "show", {"course": course}).open("anna")
        other = await Window(hall, "show", {"course": course}).open("vera")
        for window in (one, other):
            _, shown = await window.called("pumpd.desk.hear")
            assert (shown["revision"], shown["refusal"]) == (1, "")
        word = await one.press("check", {"check": "escort", "answer": "clear"}, course)
        assert (word["state"], one.revision) == ("verified", 2), "the answer shows the course as it is now"
        refused = await other.press("check", {"check": "escort", "answer": "clear"}, course)
        assert refused["reason"].startswith("the role viewer may not change a course")
        told = [
            name for name, arguments in listed.calls if name == "pumpd.receipt" and arguments[0]["id"] == word["id"]
        ]
        assert told == [], "another window of hers takes no notice"

        nothing = await Window(hall, "show", {"course": "c-99999999"}).open("anna")
        _, shown = await nothing.called("pumpd.desk.hear")
        assert (shown["html"], shown["revision"]) == (None, None)
        assert shown["refusal"].startswith("there is no course c-99999999")


@pytest.mark.req("CMD-04")
async def test_a_window_left_alone_sends_nothing_and_a_broker_that_is_gone_is_named(
    clinic_broker: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hall_of(clinic_broker.site) as hall, desk_of(clinic_broker.site):
        listed = await Window(hall, "worklist", {}).open("anna")
        await listed.called("pumpd.desk.hear")
        with monkeypatch.context() as patch:
            patch.setattr(seats, "UNLOCKED_NS", -1)
            assert "log in again" in (await listed.press("new", {"indication": "other"}, None))["reason"]
        clinic_broker.signal(SIGSTOP)
        word = await listed.press("new", {"indication": "other"}, None)
        assert (word["state"], word["reason"][:33]) == ("unknown", "nobody knows whether it arrived: ")
        clinic_broker.kill()
        await listed.called("pumpd.desk.tell", lambda trouble: trouble.startswith("the broker is not there"))
        word = await listed.press("new", {"indication": "other"}, None)
        assert (word["state"], word["reason"][:42]) == ("refused", "nothing was sent: the broker is not there:")
