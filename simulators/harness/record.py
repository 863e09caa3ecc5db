"""What a viewer hears of one bed, kept in a file and as a live view: the record that scenarios are judged by."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeVar

from pumpd.core.modes import Mode
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.client import View
from pumpd.mqtt.connection import LIBRARY_ERRORS, BrokerError, connected, payload_bytes, subscribe
from pumpd.mqtt.payloads import Ack, Alarm
from pumpd.mqtt.site import Site
from pumpd.mqtt.topics import BedTopics, screen_filters

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A change of the mode that the bed showed, by the bed's clock."""

    clock_ns: int
    mode: Mode
    cause: str | None


RETRY_S = 0.2
AT_LEAST_S = 15.0
"""However fast the bed's clock runs, people and networks get this much real time."""


class ScriptError(RuntimeError):
    """Something that the script waited for did not come, or went wrong; the message says what."""


class Record:
    """Follows one bed with a viewer's account until cancelled. `now_ns` is the clock that limits are counted on."""

    def __init__(self, site: Site, *, user: str, bed: str, path: Path, now_ns: Callable[[], int]) -> None:
        self.view = View(bed=bed)
        self.turns: list[Turn] = []
        self.alarms: dict[tuple[str, int], Alarm] = {}
        """Every episode of every alarm that was ever listed, as it was shown last."""
        self._site = site
        self._user = user
        self.bed = bed
        self._path = path
        self._now_ns = now_ns
        self._changed = asyncio.Event()
        self._out: TextIO | None = None

    async def run(self) -> None:
        """Take in messages; connect anew where the link fails."""
        with self._path.open("a", encoding="utf-8") as self._out:
            while True:
                with suppress(BrokerError):
                    await self._follow()
                await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        password = self._site.password(self._user)
        async with connected(self._site.endpoint, user=self._user, password=password) as client:
            await subscribe(client, screen_filters(self.bed))
            while True:
                try:
                    message = await anext(client.messages)
                except LIBRARY_ERRORS as error:
                    raise BrokerError(str(error)) from None
                self._take(str(message.topic), payload_bytes(message.payload), retained=bool(message.retain))

    def _take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        self.view = self.view.after(topic, payload, retained=retained, now_ns=time.monotonic_ns())
        self._write(topic, payload, retained=retained)
        self._remember()
        self._changed.set()

    def _remember(self) -> None:
        if self.view.state is not None and not self.view.state.retained:
            state = self.view.state.message
            if not self.turns or self.turns[-1].mode is not state.mode:
                self.turns.append(Turn(clock_ns=self._now_ns(), mode=state.mode, cause=state.cause))
        if self.view.alarms is not None:
            for alarm in self.view.alarms.message.alarms:
                self.alarms[alarm.id, alarm.episode] = alarm

    def receipt(self, user: str, ack: Ack) -> None:
        """Keep the final word that a scripted nurse got: a viewer does not hear it."""
        self._write(BedTopics(bed=self.bed).ack(user), ack.to_bytes(), retained=False)

    def _write(self, topic: str, payload: bytes, *, retained: bool) -> None:
        if self._out is None or self._out.closed:
            return
        line = {
            "clock_ns": self._now_ns(),
            "topic": topic.rpartition(f"/{self.bed}/")[2],
            "retained": retained,
            "payload": json.loads(payload),
        }
        print(json.dumps(line), file=self._out, flush=True)

    async def until(self, look: Callable[[View], T | None], what: str, *, within_s: float) -> T:
        """Return what `look` finds; raise `ScriptError` where it does not come within `within_s` of the bed's clock."""
        limit_ns = self._now_ns() + int(within_s * NS_PER_S)
        real_limit_s = time.monotonic() + min(AT_LEAST_S, within_s)
        while (found := look(self.view)) is None:
            if self._now_ns() >= limit_ns and time.monotonic() >= real_limit_s:
                raise ScriptError(f"waited {within_s:.0f} s for {what}; the bed shows {self.describe()}")
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S):
                    await self._changed.wait()
        return found

    def describe(self) -> str:
        """Return in one line what the bed shows."""
        if self.view.state is None:
            return "nothing"
        state = self.view.state.message
        alarms = () if self.view.alarms is None else self.view.alarms.message.alarms
        parts = [
            f"mode {state.mode.value}",
            f"cause {state.cause}",
            f"alarms {[alarm.id for alarm in alarms]}",
            f"start blocked by {list(state.start_blockers)}",
            f"resume blocked by {list(state.resume_blockers)}",
        ]
        return ", ".join(parts)
