"""One connection to the broker, opened and closed without a trace. The only module that knows aiomqtt's traps.

Every connection is a new client object with a clean session: the library resends what was queued in an old object, and
a broker resends what was queued for an old session.
"""

import asyncio
import contextlib
import logging
import math
import ssl
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from aiomqtt import Client, MqttError, ProtocolVersion, Will
from aiomqtt.types import PahoSocket

T = TypeVar("T")

STEP_TIMEOUT_S = 1.0
"""Bounds each step of connecting and of leaving: TCP, TLS, the broker's answer, the goodbye."""
CALL_TIMEOUT_S = 2.0
"""Bounds every wait on the broker (requirement COMM-11): connecting as a whole, whatever its name is resolved to, a
subscribe, a publish. A broker that takes longer is as good as lost."""
KEEPALIVE_S = 3
"""The client notices a frozen broker within two of these plus a second, inside the 10 s of COMM-07."""
REFUSED_FROM = 0x80
"""SUBACK codes from here on are failures (MQTT 3.1.1, section 3.9.3)."""

LIBRARY_ERRORS = (MqttError, OSError, RuntimeError, ValueError)
"""What aiomqtt and paho raise: OSError holds TimeoutError, ValueError holds bad topics and sizes."""


_library_log = logging.getLogger("pumpd.mqtt.aiomqtt")
# an answer to a subscription that was given up is no error, and its traceback tells a reader nothing
_library_log.addFilter(lambda record: "in on_subscribe callback" not in str(record.msg))


_NO_TLS = "the broker at {} speaks no TLS that pumpd accepts ({}): check [broker] port and tls"
_NOT_TRUSTED = (
    "the broker at {} shows a certificate that is not trusted ({}): check its dates, [broker] host and ca_file"
)


class BrokerError(Exception):
    """No connection, or not with the rights asked for; nothing was sent. The message is one sentence."""


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself where its handshake fails; the library lets go of it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def tls_fault(error: OSError) -> str:
    """Return what is wrong with a certificate's file or a handshake, without a place in the library's source."""
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return str(reason or error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the broker listens. With `tls` its certificate is checked, against `ca_file` where there is one."""

    host: str
    port: int
    tls: bool = False
    ca_file: Path | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS settings, or None for plain TCP; raise `BrokerError` where there are none to be had."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise BrokerError(f"{self.ca_file} holds no authority's certificate in PEM: {tls_fault(error)}") from None
        context.sslsocket_class = _ClosingSocket
        return context


async def bounded(call: Coroutine[Any, Any, T], timeout_s: float = CALL_TIMEOUT_S) -> T:
    """Return what the library's `call` returns, or raise `TimeoutError`; a cancellation always comes through.

    The library waits with `asyncio.wait_for`, which in Python 3.11 loses a cancellation that comes with the answer. So
    the call has a task of its own, which is waited for with `asyncio.wait`.
    """
    task = asyncio.ensure_future(call)
    try:
        done, _ = await asyncio.wait([task], timeout=timeout_s)
    finally:
        task.cancel()
    if not done:
        await asyncio.wait([task])
        raise TimeoutError(f"no answer within {timeout_s} s")
    return task.result()


def _register_writes_safely(client: Client) -> None:
    """Let the library wait for a writable socket only while that socket is open.

    It hands the loop a bare descriptor one turn later. By then the socket may be closed, which ends in the loop's
    exception handler, or its number may belong to another device.
    """
    loop = asyncio.get_running_loop()
    library = client._client

    def write() -> None:
        try:
            library.loop_write()
        except LIBRARY_ERRORS as error:
            if not client._disconnected.done():
                client._disconnected.set_exception(error)

    def register(_client: object, _userdata: object, sock: PahoSocket) -> None:
        def add() -> None:
            if sock.fileno() >= 0:
                loop.add_writer(sock.fileno(), write)

        loop.call_soon_threadsafe(add)

    library.on_socket_register_write = register


async def _entered(client: Client) -> None:
    """Enter `client`; where that fails, close its socket, which the library leaves open and in the loop."""
    try:
        await client.__aenter__()
    except LIBRARY_ERRORS:
        client._client.disconnect()
        raise


_undoing: set[asyncio.Task[None]] = set()
"""What undoes connections that nobody waits for any more."""


def _undo(entering: asyncio.Future[None], client: Client) -> asyncio.Task[None]:
    """Let go of a client that is still being entered, in a thread that cannot be called off, as soon as it is over."""

    async def undo() -> None:
        with contextlib.suppress(*LIBRARY_ERRORS):
            await entering
            await _left(client)

    task = asyncio.create_task(undo(), name="mqtt-undo")
    _undoing.add(task)
    task.add_done_callback(_undoing.discard)
    return task


async def _left(client: Client) -> None:
    """Leave `client`, and take note of an error that nobody will ask for any more."""
    with contextlib.suppress(*LIBRARY_ERRORS):
        await client.__aexit__(None, None, None)
    if client._disconnected.done() and not client._disconnected.cancelled():
        client._disconnected.exception()


@contextlib.asynccontextmanager
async def connected(endpoint: Endpoint, *, user: str, password: str, will: Will | None = None) -> AsyncIterator[Client]:
    """Give a new client that is connected; raise `BrokerError` where there is none to be had."""
    client = Client(
        endpoint.host,
        endpoint.port,
        username=user,
        password=password,
        protocol=ProtocolVersion.V311,
        clean_session=True,
        will=will,
        timeout=STEP_TIMEOUT_S,
        keepalive=KEEPALIVE_S,
        tls_context=endpoint.context(),
        logger=_library_log,
    )
    # aiomqtt has no parameter for this; it bounds each address that the name is resolved to, and the TLS handshake
    client._client.connect_timeout = STEP_TIMEOUT_S
    _register_writes_safely(client)
    entering = asyncio.ensure_future(_entered(client))
    try:
        done, _ = await asyncio.wait([entering], timeout=CALL_TIMEOUT_S)
    except asyncio.CancelledError:
        await asyncio.wait([_undo(entering, client)], timeout=CALL_TIMEOUT_S)
        raise
    if not done:
        _undo(entering, client)
        raise BrokerError(f"the broker at {endpoint} does not let {user} in: no answer within {CALL_TIMEOUT_S} s")
    try:
        entering.result()
    except LIBRARY_ERRORS as error:
        raise BrokerError(_why_not_in(endpoint, user, error)) from None
    try:
        yield client
    finally:
        await _left(client)


def _why_not_in(endpoint: Endpoint, user: str, error: Exception) -> str:
    cause = error.__context__  # the library keeps of it no more than its text
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _NOT_TRUSTED.format(endpoint, cause.verify_message.rstrip("."))
    if isinstance(cause, ssl.SSLError):
        return _NO_TLS.format(endpoint, tls_fault(cause))
    hint = (
        " (if it speaks TLS, set tls = true in [broker])"
        if isinstance(cause, TimeoutError) and not endpoint.tls
        else ""
    )
    return f"the broker at {endpoint} does not let {user} in: {error}{hint}"


async def subscribe(client: Client, filters: Sequence[str], *, qos: int = 1) -> None:
    """Subscribe to all of `filters`; raise `BrokerError` naming those the broker refuses.

    The library returns a refusal instead of raising it.
    """
    try:
        codes = await bounded(client.subscribe([(each, qos) for each in filters], timeout=math.inf))
    except LIBRARY_ERRORS as error:
        raise BrokerError(f"the subscription failed: {error}") from None
    values = [code if isinstance(code, int) else code.value for code in codes]
    refused = [each for each, value in zip(filters, values, strict=True) if value >= REFUSED_FROM]
    if refused:
        raise BrokerError(f"the broker refuses the subscription to {', '.join(refused)}")


def payload_bytes(payload: object) -> bytes:
    """Return a received payload, which the library always hands over as bytes."""
    if not isinstance(payload, (bytes, bytearray)):
        raise TypeError(f"a received payload is bytes, got {type(payload).__name__}")
    return bytes(payload)
