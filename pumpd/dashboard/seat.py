"""A nurse's seat: her own connection to the broker under her own account, for her commands, receipts and station beats.

It never sends twice by itself and never waits with a command: without a connection nothing is sent, and she is told.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable
from decimal import Decimal
from typing import NoReturn

from aiomqtt import Client

from pumpd.core.commands import ReceiptState
from pumpd.core.quantities import NS_PER_MIN, NS_PER_MS, NS_PER_S
from pumpd.dashboard.requests import PressError
from pumpd.mqtt.client import loop_ns, wall_utc
from pumpd.mqtt.connection import (
    LIBRARY_ERRORS,
    BrokerError,
    Endpoint,
    bounded,
    connected,
    payload_bytes,
    subscribe,
)
from pumpd.mqtt.course_payloads import CourseAnswer
from pumpd.mqtt.payloads import Ack, StationBeat
from pumpd.mqtt.topics import RESERVED_BED, ROOT, BedTopics, Channel
from pumpd.mqtt.wire import WireError

RETRY_S = 1.0
BEAT_S = 1.0
STATION_SILENT_NS = 3 * NS_PER_S
"""A page that said nothing for so long shows nothing to anybody: its station is not beaten for."""
UNLOCKED_NS = 15 * NS_PER_MIN
"""Without a press for so long the seat is locked; what shows, sounds and stops goes on."""


ShownToken = Callable[[str], str | None]
"""Returns the token of the newest heartbeat of a bed that the pages were shown, None where there was none."""


class Seat:
    """One person who is logged in. `run` holds her connection until it is cancelled."""

    def __init__(
        self, endpoint: Endpoint, beds: tuple[str, ...], *, user: str, password: str, shown: ShownToken
    ) -> None:
        self.user = user
        self.on_receipt: set[Callable[[Ack], None]] = set()
        """Her pages; each gets every receipt, for she may have several windows."""
        self.on_answer: set[Callable[[CourseAnswer], None]] = set()
        """Her pages of courses; each gets every answer of the clinic's desk."""
        self._endpoint = endpoint
        self._beds = beds
        self._password = password
        self._shown = shown
        self._client: Client | None = None
        self._pressed_ns = loop_ns()
        self._pages: dict[object, tuple[int, int | None]] = {}

    # ---- what her pages tell ----------------------------------------------------------------------------------------

    def is_locked(self, now_ns: int) -> bool:
        """Whether she must type her password again before she may do more than stop."""
        return now_ns - self._pressed_ns > UNLOCKED_NS

    def pressed(self, now_ns: int) -> None:
        """Note that she pressed something."""
        if not self.is_locked(now_ns):
            self._pressed_ns = now_ns

    def page_seen(self, page: object, *, heard_age_s: float | None, now_ns: int) -> None:
        """Note a sign of life of one of her pages, and how long ago its sound was heard; None where it is off."""
        self._pages[page] = (now_ns, None if heard_age_s is None else now_ns - int(heard_age_s * NS_PER_S))

    def page_closed(self, page: object) -> None:
        """Forget a page."""
        self._pages.pop(page, None)

    def _beat_at(self, bed: str, now_ns: int) -> StationBeat | None:
        """Return her station's sign of life at `bed`: by the page heard last, None where no page lives or shows it."""
        alive = [heard_ns for seen_ns, heard_ns in self._pages.values() if now_ns - seen_ns <= STATION_SILENT_NS]
        token = self._shown(bed)
        if not alive or token is None:
            return None
        heard_ns = max((each for each in alive if each is not None), default=None)
        return StationBeat(
            user=self.user,
            token=token,
            listening=heard_ns is not None,
            audible_test_age_s=None if heard_ns is None else Decimal((now_ns - heard_ns) // NS_PER_MS).scaleb(-3),
            at=wall_utc(),
        )

    # ---- connection -------------------------------------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        """Whether a command can leave."""
        return self._client is not None

    async def send(self, bed: str, payload: bytes) -> None:
        """Publish a command once; `BrokerError` means that nobody knows whether it arrived."""
        if self._client is None:
            raise BrokerError("there is no connection to the broker; nothing was sent")
        await _publish(self._client, BedTopics(bed=bed).request(self.user), payload, qos=1)

    async def send_with(self, password: str, bed: str, payload: bytes) -> None:
        """Publish a command once over a fresh connection, which the broker gives to a right password only.

        `PressError` means that there was none and nothing was sent; `BrokerError` is that of `send`.
        """
        async with contextlib.AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(connected(self._endpoint, user=self.user, password=password))
            except BrokerError as error:
                raise PressError(f"the broker does not take this password now: {error}") from None
            await _publish(client, BedTopics(bed=bed).request(self.user), payload, qos=1)

    async def run(self) -> NoReturn:
        """Hold the connection, hear receipts and beat for her station until cancelled."""
        while True:
            with contextlib.suppress(BrokerError):
                await self._connection()
            await asyncio.sleep(RETRY_S)

    async def _connection(self) -> None:
        async with connected(self._endpoint, user=self.user, password=self._password) as client:
            await subscribe(client, [f"{ROOT}/+/{Channel.ACK.value}/{self.user}"])
            beating = asyncio.create_task(self._beat(client), name=f"station-{self.user}")
            self._client = client
            try:
                await self._hear(client)
            finally:
                self._client = None
                beating.cancel()
                await asyncio.wait([beating])

    async def _hear(self, client: Client) -> None:
        messages = client.messages
        while True:
            try:
                message = await anext(messages)
            except LIBRARY_ERRORS:
                return
            with contextlib.suppress(WireError):
                self._take(str(message.topic), payload_bytes(message.payload))

    def _take(self, topic: str, payload: bytes) -> None:
        if topic == BedTopics(bed=RESERVED_BED).ack(self.user):
            answer = CourseAnswer.from_bytes(payload)
            for show in tuple(self.on_answer):
                show(answer)
        else:
            receipt = Ack.from_bytes(payload)
            for tell in tuple(self.on_receipt):
                tell(receipt)

    async def _beat(self, client: Client) -> None:
        while True:
            for bed in self._beds:
                beat = self._beat_at(bed, loop_ns())
                if beat is not None:
                    with contextlib.suppress(BrokerError):
                        await _publish(client, BedTopics(bed=bed).station(self.user), beat.to_bytes(), qos=beat.qos)
            await asyncio.sleep(BEAT_S)


async def _publish(client: Client, topic: str, payload: bytes, *, qos: int) -> None:
    try:
        await bounded(client.publish(topic, payload, qos=qos, timeout=math.inf))
    except LIBRARY_ERRORS as error:
        raise BrokerError(f"the broker did not take the message: {error}") from None


def own_word(press_id: str, kind: str, state: ReceiptState, reason: str) -> Ack:
    """Return what the dashboard itself knows of a command, in the form of a receipt."""
    return Ack(id=press_id, kind=kind, state=state, reason=reason[:1000], at=wall_utc())
