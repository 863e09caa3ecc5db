"""Where pages, seats and the board meet: who is logged in, what her pages show, what becomes of what she presses.

Knows no page's looks. `Page` is one window; `Hall` is all of them.
"""

import asyncio
import contextlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pumpd.core.commands import ReceiptState, Role
from pumpd.core.quantities import NS_PER_S
from pumpd.dashboard.board import Board
from pumpd.dashboard.door import Door
from pumpd.dashboard.picture import Picture, picture, urgency
from pumpd.dashboard.preview import preview
from pumpd.dashboard.reader import Reader
from pumpd.dashboard.requests import Finger, Press, PressError, lateness_ns, read_press, request
from pumpd.dashboard.seat import Seat, own_word
from pumpd.mqtt.client import loop_ns, wall_utc
from pumpd.mqtt.connection import BrokerError, connected
from pumpd.mqtt.payloads import Ack
from pumpd.mqtt.site import Site, SiteError

MAX_SEATS = 200
MAX_MARKS = 64
"""A page asks twice a second, and a press is made after one of its last questions."""
PUSH_EVERY_S = 0.1
LOOK_EVERY_S = 1.0
PASSWORD_KINDS = frozenset({"start"})
"""What needs the password typed anew (requirement START-11)."""
LATE_PASSWORD_KINDS = frozenset({"confirm"})
"""What needs it some time after what it confirms: the daemon says so."""

RunScript = Callable[[str], object]


class Page:
    """One window of one person."""

    def __init__(self, hall: "Hall", seat: Seat, beds: tuple[str, ...], run: RunScript) -> None:
        self._hall = hall
        self._seat = seat
        self._run = run
        self._marks: OrderedDict[float, int] = OrderedDict()
        self.beds = beds
        self.has_news = False

    @property
    def mark(self) -> float | None:
        """The page's last question, None before the first one."""
        return next(reversed(self._marks)) if self._marks else None

    def lateness_ns(self, press: Finger, now_ns: int) -> int | None:
        """Return how long ago the button was let go, None where that is not known."""
        return lateness_ns(press, None if press.mark is None else self._marks.get(press.mark), now_ns)

    # ---- to the page ------------------------------------------------------------------------------------------------

    def run(self, name: str, *arguments: Any) -> None:
        """Call a function of the page."""
        self._run(f"{name}({', '.join(map(json.dumps, arguments))})")

    def show(self) -> None:
        """Send what is known now, marked with the page's last question; before the first one there is none."""
        self.has_news = False
        if self.mark is not None:
            self.run("pumpd.truth.hear", self.mark, [self._hall.shown(bed) for bed in self.beds])

    def receipt(self, ack: Ack) -> None:
        """Show what became of a press; a page that made another one takes no notice."""
        self.word(ack.id, ack.state, ack.reason)

    def word(self, press_id: str, state: ReceiptState, reason: str) -> None:
        """Show a word on a press."""
        self.run("pumpd.receipt", {"id": press_id, "state": state.value, "reason": reason})

    def unread(self, arguments: object, error: PressError) -> None:
        """Refuse what cannot be read as a press, where it says at least which one it is."""
        press_id = arguments.get("id") if isinstance(arguments, Mapping) else None
        if isinstance(press_id, str):
            self.word(press_id, ReceiptState.REFUSED, str(error))

    # ---- from the page ----------------------------------------------------------------------------------------------

    def asked(self, arguments: object) -> None:
        """Answer a question of the page, which is also its sign of life."""
        if not isinstance(arguments, Mapping) or not isinstance(mark := arguments.get("mark"), (int, float)):
            return
        now_ns = loop_ns()
        self._marks[float(mark)] = now_ns
        while len(self._marks) > MAX_MARKS:
            self._marks.popitem(last=False)
        sound = arguments.get("sound")
        heard_age_s = sound.get("heard_age_s") if isinstance(sound, Mapping) else None
        self._seat.page_seen(
            self, heard_age_s=float(heard_age_s) if isinstance(heard_age_s, (int, float)) else None, now_ns=now_ns
        )
        self.show()

    async def pressed(self, arguments: object) -> None:
        """Carry a press to the bed, or tell why not."""
        try:
            press = read_press(Press, arguments)
        except PressError as error:
            self.unread(arguments, error)
            return
        now_ns = loop_ns()
        try:
            await self._send(press, self.lateness_ns(press, now_ns), now_ns)
        except PressError as error:
            self.receipt(own_word(press.id, press.kind, ReceiptState.REFUSED, f"nothing was sent: {error}"))
        except BrokerError as error:
            self.receipt(own_word(press.id, press.kind, ReceiptState.UNKNOWN, f"check the pump: {error}"))

    async def _send(self, press: Press, late_ns: int | None, now_ns: int) -> None:
        if press.bed not in self._hall.board.beds:
            raise PressError(f"there is no bed {press.bed!r}")
        if not press.is_halting and self._seat.is_locked(now_ns):
            raise PressError("this window was not used for long; log in again")
        password = ""
        if press.kind in PASSWORD_KINDS | LATE_PASSWORD_KINDS:
            password = str(press.fields.get("password", ""))
        payload = request(press, issued_at=wall_utc(), late_ns=late_ns, authenticated=bool(password))
        self._seat.pressed(now_ns)
        if not password:
            if press.kind in PASSWORD_KINDS:
                raise PressError(f"a {press.kind} needs your password, typed anew")
            await self._seat.send(press.bed, payload)
            return
        await self._seat.send_with(password, press.bed, payload)

    def typed(self, arguments: object) -> None:
        """Show what an order will be from what is typed so far."""
        if isinstance(arguments, Mapping):
            self.run("pumpd.preview", preview(arguments))

    def closed(self) -> None:
        """Forget the window."""
        self._hall.close(self)
        self._seat.on_receipt.discard(self.receipt)
        self._seat.page_closed(self)


class Hall:
    """All that runs for one site."""

    def __init__(self, site: Site, *, reader: str) -> None:
        if reader not in site.readers:
            raise SiteError(f"{site.path} has no reader {reader!r}: add it to `readers`, it draws the screens")
        self.site = site
        self.board = Board(site.beds)
        self.door = Door()
        self._seats: dict[str, tuple[Seat, asyncio.Task[Any]]] = {}
        self._pages: set[Page] = set()
        self._reader = Reader(
            site.endpoint, self.board, user=reader, password=site.password(reader), changed=self._heard
        )
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Hear the broker and push what changed, until cancelled; then end every seat."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._reader.run(), name="reader")
                group.create_task(self._push(), name="push")
                group.create_task(self._look(), name="look")
        finally:
            tasks = [task for _, task in self._seats.values()]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    # ---- people -----------------------------------------------------------------------------------------------------

    async def log_in(self, user: str, password: str, machine: str) -> str:
        """Return the key of a new seat; raise `PressError` with what the person must know."""
        now_ns = loop_ns()
        wait_ns = self.door.wait_ns(user, machine, now_ns)
        if wait_ns > 0:
            raise PressError(f"too many wrong passwords: wait {wait_ns // NS_PER_S + 1} s, then try again")
        if user not in self.site.operators:
            self.door.failed(user, machine, now_ns)
            raise PressError("account or password is wrong")
        if len(self._seats) >= MAX_SEATS:
            raise PressError(f"{MAX_SEATS} people are logged in already: log one out first")
        try:
            async with connected(self.site.endpoint, user=user, password=password):
                pass
        except BrokerError:
            if self.board.broker_lost is not None:
                raise PressError("the broker does not answer: nobody can log in. Watch the pumps") from None
            self.door.failed(user, machine, now_ns)
            raise PressError("account or password is wrong") from None
        self.door.passed(user, machine)
        seat = Seat(
            self.site.endpoint,
            tuple(self.site.beds),
            user=user,
            password=password,
            shown=lambda bed: self.board.beds[bed].token,
        )
        key = secrets.token_urlsafe(32)
        self._seats[key] = (seat, asyncio.create_task(seat.run(), name=f"seat-{user}"))
        return key

    def log_out(self, key: str) -> None:
        """End a seat."""
        found = self._seats.pop(key, None)
        if found is not None:
            found[1].cancel()

    def seat(self, key: str) -> Seat | None:
        """Return the seat of a key, None where it has ended."""
        found = self._seats.get(key)
        return None if found is None else found[0]

    def role(self, seat: Seat) -> Role:
        """Return what the site lets her do."""
        return self.site.operators[seat.user]

    # ---- pages ------------------------------------------------------------------------------------------------------

    def open(self, seat: Seat, beds: Iterable[str], run: RunScript) -> Page:
        """Return a page that shows `beds`; `run` carries out a script in it."""
        page = Page(self, seat, tuple(beds), run)
        self._pages.add(page)
        seat.on_receipt.add(page.receipt)
        return page

    def close(self, page: Page) -> None:
        """Forget a page."""
        self._pages.discard(page)

    def shown(self, bed: str) -> dict[str, Any]:
        """Return the picture of `bed` now, as a page takes it."""
        shown: Picture = picture(self.board.beds[bed], loop_ns(), broker_lost=self.board.broker_lost)
        return {**asdict(shown), "rank": urgency(shown)[0]}

    def _heard(self, bed: str | None) -> None:
        for page in self._pages:
            if bed is None or bed in page.beds:
                page.has_news = True
        self._news.set()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.board.look(loop_ns())

    async def _push(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            for page in tuple(self._pages):
                if page.has_news:
                    with contextlib.suppress(RuntimeError):  # a window that closed a moment ago
                        page.show()
            await asyncio.sleep(PUSH_EVERY_S)
