"""One read-only connection for all screens: hears every bed, tells the board, and connects anew when it is lost."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from pumpd.dashboard.board import Board
from pumpd.mqtt.client import loop_ns
from pumpd.mqtt.connection import LIBRARY_ERRORS, BrokerError, Endpoint, connected, payload_bytes, subscribe
from pumpd.mqtt.topics import screen_filters

RETRY_S = 1.0

Changed = Callable[[str | None], None]
"""Is told the bed that something was heard of, None when the connection to the broker changed."""


class Reader:
    """Keeps a board up to date for as long as `run` runs."""

    def __init__(self, endpoint: Endpoint, board: Board, *, user: str, password: str, changed: Changed) -> None:
        self._endpoint = endpoint
        self._board = board
        self._user = user
        self._password = password
        self._changed = changed

    async def run(self) -> NoReturn:
        """Hear until cancelled."""
        while True:
            try:
                await self._hear()
            except BrokerError as error:
                self._lost(str(error))
            await asyncio.sleep(RETRY_S)

    async def _hear(self) -> None:
        async with connected(self._endpoint, user=self._user, password=self._password) as client:
            await subscribe(client, screen_filters("+"))
            self._board.connected()
            self._changed(None)
            messages = client.messages
            while True:
                try:
                    message = await anext(messages)
                except LIBRARY_ERRORS as error:
                    self._lost(f"the connection to the broker ended: {error}")
                    return
                topic, payload = str(message.topic), payload_bytes(message.payload)
                bed = self._board.hear(topic, payload, retained=message.retain, now_ns=loop_ns())
                if bed is not None:
                    self._changed(bed)

    def _lost(self, reason: str) -> None:
        self._board.broker_lost = reason
        self._changed(None)
