"""What one window asks of the clinic's desk under her account, again and again, and what she presses there.

Nothing is sent twice: a press has one answer, or none, which the page then calls unknown. What is shown is always an
answer to a question of this very page, so that its age is known.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pumpd.core.commands import ReceiptState
from pumpd.core.quantities import NS_PER_S
from pumpd.dashboard.board import Board
from pumpd.dashboard.course_requests import CoursePress, course_request
from pumpd.dashboard.hall import Page
from pumpd.dashboard.requests import PressError, read_press
from pumpd.dashboard.seat import Seat
from pumpd.mqtt.client import loop_ns, wall_utc
from pumpd.mqtt.connection import BrokerError
from pumpd.mqtt.course_payloads import CourseAnswer
from pumpd.mqtt.course_requests import DOWN, request_bytes
from pumpd.mqtt.topics import RESERVED_BED

ASK_EVERY_NS = 5 * NS_PER_S
"""How late a window may learn what somebody else has changed."""
MAX_WAITING = 64
"""Questions and presses that are not answered yet; the oldest are given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """What waits for its answer, and the page's last question when it was sent."""

    mark: float
    is_press: bool


class DeskWindow:
    """One window on the clinic's desk. `kind` and `fields` are what it asks; `draw` makes its text of an answer."""

    def __init__(
        self,
        page: Page,
        seat: Seat,
        board: Board,
        *,
        kind: str,
        fields: Mapping[str, Any],
        draw: Callable[[CourseAnswer], str],
    ) -> None:
        self._page = page
        self._seat = seat
        self._board = board
        self._kind = kind
        self._fields = fields
        self._draw = draw
        self._asked_ns: int | None = None
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        seat.on_answer.add(self.answered)

    def closed(self) -> None:
        """Forget the window."""
        self._seat.on_answer.discard(self.answered)

    # ---- to the desk ------------------------------------------------------------------------------------------------

    async def asked(self) -> None:
        """At each sign of life of the page: tell what is wrong with the desk, and ask it anew when it is time."""
        self._page.run("pumpd.desk.tell", self._trouble())
        now_ns, mark = loop_ns(), self._page.mark
        is_due = self._asked_ns is None or now_ns - self._asked_ns >= ASK_EVERY_NS
        if mark is None or not is_due or not self._seat.is_connected:
            return
        self._asked_ns = now_ns
        request_id = str(uuid4())
        self._await(request_id, _Waiting(mark=mark, is_press=False))
        try:
            await self._send(request_bytes(self._kind, self._fields, request_id=request_id, issued_at=wall_utc()))
        except BrokerError:
            self._waiting.pop(request_id, None)  # it is asked again; the age tells meanwhile

    async def pressed(self, arguments: object) -> None:
        """Carry a press to the desk, or tell why not."""
        try:
            press = read_press(CoursePress, arguments)
        except PressError as error:
            self._page.unread(arguments, error)
            return
        try:
            await self._carry(press)
        except PressError as error:
            self._page.word(press.id, ReceiptState.REFUSED, f"nothing was sent: {error}")
        except BrokerError as error:
            reason = f"nobody knows whether it arrived: look at the course before you press again: {error}"
            self._page.word(press.id, ReceiptState.UNKNOWN, reason)

    async def _carry(self, press: CoursePress) -> None:
        now_ns = loop_ns()
        if self._seat.is_locked(now_ns):
            raise PressError("this window was not used for long; log in again")
        payload = course_request(press, issued_at=wall_utc(), late_ns=self._page.lateness_ns(press, now_ns))
        self._seat.pressed(now_ns)
        trouble = self._trouble()
        if trouble:
            raise PressError(trouble)
        self._await(press.id, _Waiting(mark=press.mark or 0.0, is_press=True))
        await self._send(payload)

    def _await(self, request_id: str, waiting: _Waiting) -> None:
        self._waiting[request_id] = waiting
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)

    async def _send(self, payload: bytes) -> None:
        await self._seat.send(RESERVED_BED, payload)

    def _trouble(self) -> str:
        """Return why the desk cannot be asked, as far as that is known without asking."""
        if self._board.broker_lost is not None:
            return f"the broker is not there: {self._board.broker_lost}"
        if not self._board.is_clinic_there:
            return DOWN
        return "" if self._seat.is_connected else "your connection to the broker is not there yet"

    # ---- from the desk ----------------------------------------------------------------------------------------------

    def answered(self, answer: CourseAnswer) -> None:
        """Show an answer, where it is one to this window."""
        waiting = self._waiting.pop(answer.id, None)
        if waiting is None:
            return
        if waiting.is_press:
            begun = f"course {answer.courses[0].course}: " if answer.kind == "new" and answer.courses else ""
            self._page.word(answer.id, answer.state, f"{begun}{answer.reason}")
            self._asked_ns = None
        if not waiting.is_press or (self._kind == "show" and answer.courses):
            self._show(answer, waiting.mark)

    def _show(self, answer: CourseAnswer, mark: float) -> None:
        is_done = answer.state is ReceiptState.VERIFIED
        self._page.run(
            "pumpd.desk.hear",
            mark,
            {
                "html": self._draw(answer) if is_done else None,
                "as_of": f"{answer.at[11:19]} UTC",
                "revision": answer.revision,
                "refusal": "" if is_done else answer.reason,
            },
        )
