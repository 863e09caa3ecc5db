"""The command-line nurse: one command, its receipts, one final word. A client like any other, a person's account."""

import argparse
import asyncio
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal, InvalidOperation
from getpass import getpass
from pathlib import Path
from typing import Any, Protocol, assert_never

from pydantic import ValidationError

from pumpd.core.bounds import Measure
from pumpd.core.commands import HALTING_KINDS, Appearance, Attested, ReceiptState, SymptomKind
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.accounts import is_kept, password_for
from pumpd.mqtt.client import LINK_LOST_S, Follower, View, following, loop_ns, wall_utc
from pumpd.mqtt.connection import BrokerError, Endpoint
from pumpd.mqtt.intake import MAX_REASON_CHARACTERS
from pumpd.mqtt.payloads import (
    COMMAND_REQUEST,
    VERSION,
    Ack,
    Heartbeat,
    Order,
    State,
    account_lines,
    clearance_lines,
    encodable,
    first_complaint,
    given_before_lines,
    printable,
    soft_limit_lines,
    syringe_label_line,
)
from pumpd.mqtt.site import Site, SiteError, load_site

WARN_AFTER_S = 2
"""From here on the person must know that nothing is known yet."""
FINAL_WITHIN_S = 10
"""The daemon's promise (CMD-04); after it the outcome is unknown."""
FIND_WITHIN_S = LINK_LOST_S
"""How long a live heartbeat, and the state it belongs to, may take to come."""
AGAIN_AFTER_S = 0.2
"""Between two tries of a stop: the broker may be coming back."""

EXIT_VERIFIED, EXIT_REFUSED, EXIT_USAGE, EXIT_UNKNOWN = 0, 1, 2, 3

_FINAL = frozenset({ReceiptState.VERIFIED, ReceiptState.REFUSED, ReceiptState.UNKNOWN})
_ON_AN_ORDER = frozenset({"confirm", "start", "resume"})
_ON_AN_ALARM = frozenset({"acknowledge", "audio-pause"})


class NotSent(Exception):  # noqa: N818, it names what happened to the command
    """The command was not sent, so it has certainly not been carried out. The message is one sentence."""


class Follow(Protocol):
    """Opens a connection of a person, as `following` does at a broker."""

    def __call__(
        self, endpoint: Endpoint, /, *, user: str, password: str, bed: str
    ) -> AbstractAsyncContextManager[Follower]:
        """Give a follower of `bed`; raise `BrokerError` where there is none to be had."""


def _silent(_line: str) -> None:
    """Show nothing."""


class NurseSession:
    """One person at one bed. Every command goes over a connection of its own; `show` gets each line meant for her.

    `typed` says that she typed the password for what is sent: the broker's taking it proves her anew (START-11).
    """

    def __init__(
        self,
        site: Site,
        user: str,
        password: str,
        bed: str,
        *,
        typed: bool = False,
        show: Callable[[str], None] = _silent,
        follow: Follow = following,
    ) -> None:
        self._endpoint = site.endpoint
        self._user = user
        self._password = password
        self._bed = bed
        self._typed = typed
        self._show = show
        self._follow = follow

    async def look(self) -> State:
        """Return the state as a live daemon holds it now; raise `NotSent` where there is none."""
        try:
            async with self._following() as follower:
                return await self._live_state(follower)
        except BrokerError as error:
            raise NotSent(str(error)) from None

    async def send(self, kind: str, **fields: Any) -> Ack:
        """Send one command and return the final word on it; `unknown` where none came in time.

        `fields` are those of the command. The order's hash and an alarm's episode are taken from what a live daemon
        shows, where they are not given.
        """
        command_id = str(uuid.uuid4())
        try:
            if kind in HALTING_KINDS:
                return await self._stopping(kind, command_id, fields)
            return await self._once(kind, command_id, fields)
        except NotSent as error:
            return self._own_word(command_id, kind, ReceiptState.REFUSED, f"nothing was sent: {error}")

    async def _once(self, kind: str, command_id: str, fields: Mapping[str, Any]) -> Ack:
        sent = False
        try:
            async with self._following() as follower:
                beat, fields = await self._decided(follower, kind, fields)
                payload = _request(kind, command_id, beat, fields)
                sent = True
                await follower.request(payload)
                return await self._final_word(follower, command_id, kind, _deadline_ns(), again=None)
        except BrokerError as error:
            if not sent:
                raise NotSent(str(error)) from None
            return self._unknown(command_id, kind, str(error))

    async def _stopping(self, kind: str, command_id: str, fields: Mapping[str, Any]) -> Ack:
        """Send at once, without waiting for a sign of life, and again over a new connection while the broker fails."""
        deadline_ns = _deadline_ns()
        if kind != "symptom":
            fields = {"reason": encodable(str(fields.get("reason", "")))[:MAX_REASON_CHARACTERS]}
        payload = _request(kind, command_id, None, fields)
        while True:
            try:
                async with self._following() as follower:
                    await follower.request(payload)
                    return await self._final_word(follower, command_id, kind, deadline_ns, again=payload)
            except BrokerError as error:
                if loop_ns() >= deadline_ns:
                    return self._unknown(command_id, kind, str(error))
                self._show(f"{kind} again, watch the pump: {error}")
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _decided(
        self, follower: Follower, kind: str, fields: Mapping[str, Any]
    ) -> tuple[Heartbeat, Mapping[str, Any]]:
        """Return the latest heartbeat, and `fields` with what is quoted from the state that it belongs to."""
        if kind in _ON_AN_ORDER and "order_hash" not in fields:
            state = await self._live_state(follower)
            if state.order is None:
                raise NotSent(f"{self._bed} has no order to {kind}")
            fields = {**fields, "order_hash": state.order.hash}
            if kind == "confirm":
                fields = {**fields, "authenticated": self._typed}
                label = () if state.syringe_label is None else (f"  {syringe_label_line(state.syringe_label)}",)
                for line in (
                    *state.marks(),
                    *order_lines(state.order),
                    *label,
                    *given_before_lines(state.given_before),
                ):
                    self._show(line)
        beat = await follower.until(lambda view: view.live_heartbeat(loop_ns()), FIND_WITHIN_S)
        if beat is None:
            raise NotSent(self._no_life())
        if kind == "prepare" and "clearance_hash" not in fields:
            fields = {**fields, "clearance_hash": await self._clearance(follower)}
        if kind == "confirm-loosen" and "loosening_hash" not in fields:
            fields = {**fields, "loosening_hash": await self._loosening(follower)}
        if kind == "witness" and "account_hash" not in fields:
            fields = {**fields, "account_hash": await self._account(follower)}
        if kind in _ON_AN_ALARM and "episode" not in fields:
            fields = {**fields, "episode": await self._episode(follower, str(fields.get("alarm")))}
        return follower.view.live_heartbeat(loop_ns()) or beat, fields

    async def _live_state(self, follower: Follower) -> State:
        state = await follower.until(lambda view: view.live_state(loop_ns()), FIND_WITHIN_S)
        if state is None:
            raise NotSent(self._no_life())
        return state

    async def _clearance(self, follower: Follower) -> str:
        """Show the clearance of this bed, and return its hash; whether one is needed, the daemon says."""
        clearance = (await self._live_state(follower)).clearance
        for line in clearance_lines(clearance):
            self._show(line)
        return "" if clearance is None else clearance.hash

    async def _loosening(self, follower: Follower) -> str:
        """Show the looser limit that waits, and return its hash."""
        waits = (await self._live_state(follower)).loosening
        if waits is None:
            raise NotSent(f"{self._bed} has no looser limit to confirm")
        self._show(
            printable(
                f"{waits.by} proposes {waits.rule} at {waits.limit} {waits.unit} instead of {waits.present_limit}, "
                f"because: {waits.reason}"
            )
        )
        return waits.hash

    async def _account(self, follower: Follower) -> str:
        """Show the account of the drug that waits, and return its hash."""
        account = (await self._live_state(follower)).account
        if account is None:
            raise NotSent(f"{self._bed} has no account of the drug to witness")
        for line in account_lines(account):
            self._show(line)
        return account.hash

    async def _episode(self, follower: Follower, alarm: str) -> int:
        def listed(view: View) -> int | None:
            alarms = () if view.alarms is None else view.alarms.message.alarms
            return next((each.episode for each in alarms if each.id == alarm), None)

        episode = await follower.until(listed, FIND_WITHIN_S)
        if episode is None:
            raise NotSent(f"{self._bed} lists no alarm {alarm!r}")
        return episode

    async def _final_word(
        self, follower: Follower, command_id: str, kind: str, deadline_ns: int, *, again: bytes | None
    ) -> Ack:
        """Show receipts until the final word; `again` is sent once more as often as the person is told to wait."""
        shown = 0
        warn_ns = loop_ns() + WARN_AFTER_S * NS_PER_S
        while True:
            receipts = [each for each in follower.view.receipts if each.id == command_id]
            for receipt in receipts[shown:]:
                self._show(f"{kind} {receipt.state.value}" + (f": {receipt.reason}" if receipt.reason else ""))
                if receipt.state in _FINAL:
                    return receipt
            shown = len(receipts)
            now_ns = loop_ns()
            if now_ns >= deadline_ns:
                return self._unknown(command_id, kind, f"no answer within {FINAL_WITHIN_S} s")
            if now_ns >= warn_ns:
                self._show("waiting, watch the pump")
                warn_ns = deadline_ns if again is None else now_ns + WARN_AFTER_S * NS_PER_S
                if again is not None:
                    await follower.request(again)
            await follower.changed(max(min(warn_ns, deadline_ns) - now_ns, 0) / NS_PER_S)

    def _following(self) -> AbstractAsyncContextManager[Follower]:
        return self._follow(self._endpoint, user=self._user, password=self._password, bed=self._bed)

    def _no_life(self) -> str:
        return f"no current state and live heartbeat from {self._bed} within {FIND_WITHIN_S} s; look at the pump"

    def _unknown(self, command_id: str, kind: str, why: str) -> Ack:
        return self._own_word(command_id, kind, ReceiptState.UNKNOWN, f"unknown, check the pump: {why}")

    def _own_word(self, command_id: str, kind: str, state: ReceiptState, reason: str) -> Ack:
        self._show(f"{kind} {state.value}: {reason}")
        return Ack(id=command_id, kind=kind, state=state, reason=encodable(reason)[:1000], at=wall_utc())


def _deadline_ns() -> int:
    return loop_ns() + FINAL_WITHIN_S * NS_PER_S


def _request(kind: str, command_id: str, beat: Heartbeat | None, fields: Mapping[str, Any]) -> bytes:
    common = {
        "v": VERSION,
        "kind": kind,
        "id": command_id,
        "session": None if beat is None else beat.session,
        "rev": None if beat is None else beat.rev,
        "token": None if beat is None else beat.token,
        "issued_at": wall_utc(),
    }
    try:
        return COMMAND_REQUEST.validate_python({**common, **fields}).to_bytes()
    except ValidationError as error:
        raise NotSent(first_complaint(error)) from None


# ---- command line ---------------------------------------------------------------------------------------------------


def decimal(text: str) -> Decimal:
    """Return the exact number in an argument of the command line."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no decimal number") from None
    if not number.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is no decimal number")
    return number


def order_lines(order: Order) -> list[str]:
    """Return what a second person checks before she confirms."""
    return [
        f"order {order.hash}, prepared by {order.prepared_by}" + (f", course {order.course}" if order.course else ""),
        (
            f"  {order.drug} {order.dose_mg:f} mg ({order.dose_mg_per_kg:f} mg/kg x {order.weight_kg:f} kg)"
            f" in {order.duration_min:f} min"
        ),
        (
            f"  {order.concentration_mg_ml:f} mg/mL, {order.volume_ml:f} mL at {order.rate_ml_h:f} mL/h,"
            f" syringe {order.syringe}"
        ),
        *(f"  {line}" for line in soft_limit_lines(order)),
    ]


def _print(line: str) -> None:
    """Print a line to whom it is for: a refusal or an unknown outcome to the standard error."""
    outcome = line.split(maxsplit=2)[1:2]
    bad = [word.rstrip(":,") for word in outcome] in ([ReceiptState.REFUSED.value], [ReceiptState.UNKNOWN.value])
    print(line, file=sys.stderr if bad else sys.stdout, flush=True)


async def _command(site: Site, options: argparse.Namespace) -> Ack:
    bed = options.bed if options.bed is not None else site.only_bed()
    site.account_of(bed)
    typed = options.ask_password or not is_kept(site, options.user)
    password = password_for(site, options.user, getpass, typed=typed)
    session = NurseSession(site, options.user, password, bed, typed=typed, show=_print)
    return await session.send(options.kind, **{name: getattr(options, name) for name in options.fields})


def run_nurse(options: argparse.Namespace) -> int:
    """Carry out `pumpd nurse`; return the exit code."""
    try:
        ack = asyncio.run(_command(load_site(options.site), options))
    except SiteError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("unknown, check the pump: you stopped waiting for the answer", file=sys.stderr)
        return EXIT_UNKNOWN
    match ack.state:
        case ReceiptState.VERIFIED:
            return EXIT_VERIFIED
        case ReceiptState.REFUSED:
            return EXIT_REFUSED
        case ReceiptState.UNKNOWN | ReceiptState.ACCEPTED | ReceiptState.EXECUTING:
            return EXIT_UNKNOWN
        case _:
            assert_never(ack.state)


_PREPARE = {
    "weight_kg": "the patient's weight in kg",
    "dose_mg_per_kg": "the dose in mg/kg",
    "duration_min": "the duration in min",
    "vial_strength_mg_ml": "what the vial says, in mg/mL",
    "drug_drawn_ml": "how much was drawn from the vial, in mL",
    "diluent_ml": "how much diluent was added, in mL",
    "declared_concentration_mg_ml": "the concentration on the syringe's label, in mg/mL",
    "syringe_fill_ml": "how much is in the syringe, in mL",
}
_LABEL = ("made_by", "witnessed_by", "mixed_min_ago", "appearance", "expires_in_min")
_SCORES = ("nausea", "dizziness", "anxiety", "dissociation")
_SOFT = ("soft_limits", "soft_limit_reason")
_CONFIRM = {
    "weight_kg": "the patient's weight in kg, entered again",
    "concentration_mg_ml": "the concentration on the syringe's label in mg/mL, entered again",
}
_ACCOUNT = {
    "primed_ml": "what the line was primed with, in mL",
    "wasted_ml": "what was thrown away before a witness, in mL",
    "left_ml": "what is left in syringe and line, in mL",
}


def _add_decimals(parser: argparse.ArgumentParser, fields: Mapping[str, str]) -> None:
    for name, meaning in fields.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=decimal, required=True, metavar="N", help=meaning)


def add_nurse_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `pumpd nurse` to the command line."""
    nurse = subparsers.add_parser("nurse", help="send one command to a bed", allow_abbrev=False)
    nurse.add_argument("--site", type=Path, required=True, help="the site file")
    nurse.add_argument("--user", required=True, help="your account")
    nurse.add_argument("--bed", help="needed where the site has several")
    nurse.add_argument(
        "--ask-password",
        action="store_true",
        help="type it although a file holds it; a confirmation long after the order asks for that",
    )
    nurse.set_defaults(handler=run_nurse)
    commands = nurse.add_subparsers(title="command", metavar="COMMAND", required=True)

    def add(word: str, meaning: str, *, kind: str, fields: tuple[str, ...]) -> argparse.ArgumentParser:
        parser = commands.add_parser(word, help=meaning, allow_abbrev=False)
        parser.set_defaults(kind=kind, fields=fields)
        return parser

    prepare = add(
        "prepare",
        "enter an order",
        kind="prepare",
        fields=(*_PREPARE, "syringe", *_LABEL, *_SOFT, "weight_change_confirmed"),
    )
    _add_decimals(prepare, _PREPARE)
    prepare.add_argument("--syringe", required=True, help="maker and size, such as BD-60; the profile lists them")
    prepare.add_argument("--made-by", required=True, help="who mixed it, from the syringe's label")
    prepare.add_argument("--witnessed-by", required=True, help="who saw it mixed, from the syringe's label")
    prepare.add_argument("--mixed-min-ago", type=int, required=True, metavar="N", help="how long ago, in min")
    prepare.add_argument(
        "--appearance",
        required=True,
        choices=[each.value for each in Appearance],
        help="how the solution looks against the light",
    )
    prepare.add_argument("--expires-in-min", type=int, metavar="N", help="where the label names an expiry")
    prepare.add_argument(
        "--soft-limit",
        dest="soft_limits",
        action="append",
        default=[],
        choices=[measure.value for measure in Measure],
        help="a soft limit that this order is meant to pass; once for each",
    )
    prepare.add_argument("--soft-limit-reason", default="", help="why these soft limits may be passed")
    prepare.add_argument(
        "--weight-change-confirmed",
        action="store_true",
        help="the weight is more than 10 %% off the last session's, and was measured again",
    )
    confirm = add(
        "confirm", "check a colleague's order", kind="confirm", fields=(*_CONFIRM, "drug", "syringe", "course")
    )
    _add_decimals(confirm, _CONFIRM)
    confirm.add_argument("--drug", required=True, help="the drug on the syringe's label, read again")
    confirm.add_argument("--syringe", required=True, help="the syringe, read again")
    confirm.add_argument("--course", default="", help="the course, read from the patient's own papers")
    start = add("start", "begin the confirmed order", kind="start", fields=("override_reason",))
    start.add_argument("--override-reason", default="", help="a prescriber's, for a vital sign in its override range")
    pause = add("pause", "bring the pump to rest; resume is possible", kind="pause", fields=("reason",))
    resume = add("resume", "give what is left of the order", kind="resume", fields=("override_reason",))
    resume.add_argument("--override-reason", default="", help="a prescriber's, for a session that alarms have locked")
    lower = add("lower", "go on at a lower rate", kind="lower", fields=("rate_ml_h",))
    lower.add_argument("--rate-ml-h", type=decimal, required=True, metavar="N", help="the new rate in mL/h")
    stop = add("stop", "bring the pump to rest and end the infusion", kind="stop", fields=("reason",))
    _add_discharge_parsers(add)
    for parser in (pause, stop):
        parser.add_argument("--reason", default="", help="for the record")
    acknowledge = add("ack", "take note of an alarm", kind="acknowledge", fields=("alarm",))
    acknowledge.add_argument("alarm", metavar="ALARM", help="its name, as listed")
    audio_pause = add("audio-pause", "pause the tone of an alarm", kind="audio-pause", fields=("alarm",))
    audio_pause.add_argument("alarm", metavar="ALARM", help="its name, as listed")
    attest = add("attest", "say what only you can see", kind="attest", fields=("item",))
    attest.add_argument("item", choices=[item.value for item in Attested], help="what you have seen or done")
    assess = add("assess", "enter what you have observed", kind="assess", fields=("moaas", "respiration_bpm"))
    assess.add_argument("--moaas", type=int, required=True, metavar="N", help="sedation, MOAA/S, 0 to 5")
    assess.add_argument("--respiration-bpm", type=int, required=True, metavar="N", help="counted respiration, /min")
    add("presence", "say that you are at the bedside now", kind="presence", fields=())
    symptom = add("symptom", "pause for a symptom; an emergency ends", kind="symptom", fields=("symptom", "emergency"))
    symptom.add_argument(
        "symptom", choices=[each.value for each in SymptomKind], help="what the patient tells or shows"
    )
    symptom.add_argument("--emergency", action="store_true", help="it is one, whatever the symptom: end the infusion")
    _add_limit_parsers(add)


class _Add(Protocol):
    """Adds one command to the parser of `pumpd nurse`."""

    def __call__(self, word: str, meaning: str, *, kind: str, fields: tuple[str, ...]) -> argparse.ArgumentParser:
        """Return the parser of the command `word`."""


def _add_discharge_parsers(add: _Add) -> None:
    score = add("score", "enter how the patient feels, each 0 to 10", kind="score", fields=_SCORES)
    for name in _SCORES:
        score.add_argument(f"--{name}", type=int, required=True, metavar="N", help=f"{name}, 0 (none) to 10 (worst)")
    account = add("account", "say where the drug went", kind="account", fields=(*_ACCOUNT, "explanation"))
    _add_decimals(account, _ACCOUNT)
    account.add_argument("--explanation", default="", help="of a gap; without one a gap is refused")
    add("witness", "witness a colleague's account of the drug", kind="witness", fields=())
    close = add("close", "sign the discharge; ends observation and session", kind="close", fields=("transfer_reason",))
    close.add_argument(
        "--transfer-reason", default="", help="a prescriber's, for a patient who goes to other care undischarged"
    )


def _add_limit_parsers(add: _Add) -> None:
    tighten = add("tighten", "move a limit towards safety", kind="tighten", fields=("rule", "limit"))
    loosen = add("loosen", "propose a looser limit", kind="loosen", fields=("rule", "limit", "reason"))
    for parser in (tighten, loosen):
        parser.add_argument("rule", metavar="RULE", help="its name in the profile, such as spo2-low-pause")
        parser.add_argument("limit", type=int, metavar="N", help="the new limit, in the unit of the rule")
    loosen.add_argument("--reason", required=True, help="why")
    add("confirm-loosen", "confirm a colleague's looser limit", kind="confirm-loosen", fields=())
