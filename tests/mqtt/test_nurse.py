"""The command-line nurse against a scripted daemon on a real broker. What takes her time is in `test_nurse_waits`."""

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from pumpd.core.commands import Acknowledge, Confirm, Prepare, ReceiptState, Start
from pumpd.core.quantities import NS_PER_MS, NS_PER_S
from pumpd.mqtt import nurse
from pumpd.mqtt.bell import Bell
from pumpd.mqtt.broker_command import add_broker_parser
from pumpd.mqtt.clearance import from_core
from pumpd.mqtt.client import loop_ns
from pumpd.mqtt.nurse import NurseSession, add_nurse_parser
from pumpd.mqtt.site import Site
from pumpd.mqtt.watch import Screen, add_watch_parser, watch
from tests.mqtt.brokers import RunningBroker, daemon_side, soon
from tests.mqtt.peers import VERIFIED, Peer, played
from tests.mqtt.test_clearance import GIVEN
from tests.mqtt.test_users import WORD

pytestmark = pytest.mark.process


@contextlib.asynccontextmanager
async def peer(site: Site, *, script: tuple[str, ...] = VERIFIED) -> AsyncIterator[Peer]:
    async with daemon_side(site) as side, played(Peer(side, tuple(site.operators), script), alive=True) as scripted:
        yield scripted


def anna(site: Site, show: Callable[[str], None] = lambda _line: None) -> NurseSession:
    return NurseSession(site, "anna", site.password("anna"), "bed1", show=show)


@pytest.mark.req("CMD-01", "CMD-04")
async def test_a_start_quotes_the_order_and_the_latest_heartbeat_and_shows_every_receipt(
    broker: RunningBroker,
) -> None:
    lines: list[str] = []
    async with peer(broker.site) as daemon:
        ack = await anna(broker.site, lines.append).send("start")
        assert ack.state is ReceiptState.VERIFIED
        (received,) = daemon.received
        assert received.command == Start(order_hash="c0ffee")
        assert (received.user, received.session, received.rev) == ("anna", "s-1", 7)
        assert received.token in {beat.token for beat in daemon.beats[-5:]}
        assert received.id == ack.id
        assert not received.retained
        again = await anna(broker.site).send("start")
        assert again.id != ack.id
    assert lines == ["start accepted", "start executing", "start verified"]


@pytest.mark.req("CTRL-05")
async def test_a_confirmation_shows_the_order_that_it_quotes_and_what_was_given_before(broker: RunningBroker) -> None:
    lines: list[str] = []
    async with peer(broker.site) as daemon:
        fields: dict[str, Any] = {
            "weight_kg": Decimal("70.0"),
            "concentration_mg_ml": Decimal(2),
            "drug": "ketamine",
            "syringe": "BD 50",
        }
        await anna(broker.site, lines.append).send("confirm", **fields)
        assert daemon.received[0].command == Confirm(order_hash="c0ffee", **fields)
    assert lines[:3] == ["SIMULATED", "NOT FOR PATIENTS", "order c0ffee, prepared by anna"]
    assert "35 mg (0.5 mg/kg x 70.0 kg) in 40 min" in lines[3]
    assert any(line.startswith("GIVEN BEFORE AT THIS BED: 3.1 to 3.114 mL (6.2 to 6.228 mg)") for line in lines)


async def test_an_acknowledgement_names_the_episode_listed(broker: RunningBroker) -> None:
    async with peer(broker.site) as daemon:
        assert (await anna(broker.site).send("acknowledge", alarm="sbp-high")).state is ReceiptState.VERIFIED
        assert daemon.received[0].command == Acknowledge(alarm="sbp-high", episode=2)


async def test_fields_that_the_wire_refuses_are_not_sent(broker: RunningBroker) -> None:
    async with peer(broker.site) as daemon:
        ack = await anna(broker.site).send("assess", moaas="five", respiration_bpm=14)
        assert ack.state is ReceiptState.REFUSED
        assert "moaas" in ack.reason
        assert daemon.received == []


async def test_without_a_broker_a_start_is_not_sent_and_a_stop_waits_for_it(own_of_either: RunningBroker) -> None:
    own_of_either.kill()
    refused = await anna(own_of_either.site).send("start")
    assert refused.state is ReceiptState.REFUSED
    assert "nothing was sent" in refused.reason
    lines: list[str] = []
    stopping = asyncio.create_task(anna(own_of_either.site, lines.append).send("stop"))
    own_of_either.start()
    async with peer(own_of_either.site):
        assert (await soon(stopping)).state is ReceiptState.VERIFIED


# ---- command line ---------------------------------------------------------------------------------------------------


def parse(site: Site, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    for add in (add_nurse_parser, add_watch_parser, add_broker_parser):
        add(subparsers)
    return parser.parse_args([words[0], "--site", str(site.path), *words[1:]])


async def run(options: argparse.Namespace) -> int:
    code: int = await asyncio.to_thread(options.handler, options)
    return code


PREPARE = [
    "prepare",
    "--weight-kg",
    "70.0",
    "--dose-mg-per-kg",
    "0.5",
    "--duration-min",
    "40",
    "--vial-strength-mg-ml",
    "50",
    "--drug-drawn-ml",
    "1",
    "--diluent-ml",
    "24",
    "--declared-concentration-mg-ml",
    "2",
    "--syringe-fill-ml",
    "25",
    "--made-by",
    "clara",
    "--witnessed-by",
    "dan",
    "--mixed-min-ago",
    "5",
    "--appearance",
    "clear",
]
CONFIRM = ["confirm", "--concentration-mg-ml", "2", "--drug", "ketamine", "--syringe", "BD-60"]


async def test_the_command_line_prepares(broker: RunningBroker, capsys: pytest.CaptureFixture[str]) -> None:
    async with peer(broker.site) as daemon:
        assert await run(parse(broker.site, "nurse", "--user", "anna", *PREPARE, "--syringe", "BD 50")) == 0
        command = daemon.received[0].command
        assert isinstance(command, Prepare)
        assert (command.weight_kg, command.syringe) == (Decimal("70.0"), "BD 50")
    assert "prepare verified" in capsys.readouterr().out


def types(monkeypatch: pytest.MonkeyPatch, password: str) -> list[str]:
    """Let whoever is asked for a password type this one; return what was asked."""
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return password

    monkeypatch.setattr(nurse, "getpass", typed)
    return asked


async def confirms(site: Site, user: str, *words: str) -> int:
    return await run(parse(site, "nurse", "--user", user, *words, *CONFIRM, "--weight-kg", "70"))


@pytest.mark.req("START-11")
async def test_only_a_password_typed_for_this_very_confirmation_is_said_to_be(
    broker: RunningBroker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = broker.site
    async with peer(site) as daemon:
        asked = types(monkeypatch, site.password("ben"))
        assert await confirms(site, "ben") == 0
        assert asked == [], "it was read from its file"
        assert await confirms(site, "ben", "--ask-password") == 0
        assert asked == ["password of ben: "]
        types(monkeypatch, site.password("anna"))
        assert await confirms(site, "ben", "--ask-password") == 1
        commands = [each.command for each in daemon.received]
        assert [command.authenticated for command in commands if isinstance(command, Confirm)] == [False, True]
        assert len(commands) == 2
    assert "confirm refused: nothing was sent: the broker at" in capsys.readouterr().err


@pytest.mark.req("START-11")
async def test_a_password_of_which_only_the_hash_is_kept_is_typed_for_each_command(
    broker_with_dora: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = broker_with_dora.site
    async with peer(site) as daemon:
        asked = types(monkeypatch, WORD)
        assert await confirms(site, "dora") == 0
        types(monkeypatch, "another word")
        assert await confirms(site, "dora") == 1
        (received,) = daemon.received
        assert isinstance(received.command, Confirm)
        assert received.command.authenticated
    assert asked == ["password of dora: "]


@pytest.mark.req("CLIN-01", "CLIN-10")
async def test_an_order_quotes_the_clearance_that_its_nurse_is_shown(
    broker: RunningBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    async with peer(broker.site) as daemon:
        daemon.state = daemon.state.model_copy(update={"clearance": from_core(GIVEN)})
        daemon.show()
        words = [*PREPARE, "--syringe", "BD 50", "--weight-change-confirmed"]
        assert await run(parse(broker.site, "nurse", "--user", "anna", *words)) == 0
        command = daemon.received[0].command
        assert isinstance(command, Prepare)
        assert (command.clearance_hash, command.weight_change_confirmed) == (GIVEN.hash, True)
    shown = capsys.readouterr().out
    assert "course c-0a1b2c3d: infusion 2, weight 70.5 kg" in shown
    assert "OVERRIDE early-infusion" in shown


@pytest.mark.parametrize(
    "words",
    [
        ["start"],
        ["resume"],
        ["pause", "--reason", "dizzy"],
        ["stop"],
        ["ack", "sbp-high"],
        ["assess", "--moaas", "5", "--respiration-bpm", "14"],
        [*CONFIRM, "--weight-kg", "70"],
        ["score", "--nausea", "0", "--dizziness", "1", "--anxiety", "10", "--dissociation", "4"],
        ["account", "--primed-ml", "2", "--wasted-ml", "0", "--left-ml", "5.5", "--explanation", "a drop fell"],
        ["witness"],
        ["close"],
        ["close", "--transfer-reason", "to the hospital"],
        ["presence"],
        ["symptom", "nausea"],
        ["symptom", "other", "--emergency"],
        ["tighten", "spo2-low-pause", "94"],
        ["loosen", "hr-low-pause", "45", "--reason", "an athlete"],
        ["confirm-loosen"],
        [*PREPARE, "--syringe", "BD-60", "--soft-limit", "weight", "--soft-limit", "dose", "--soft-limit-reason", "y"],
    ],
    ids=lambda words: words[0],
)
async def test_every_word_of_the_command_line_is_carried(broker: RunningBroker, words: list[str]) -> None:
    async with peer(broker.site) as daemon:
        assert await run(parse(broker.site, "nurse", "--user", "ben", "--bed", "bed1", *words)) == 0
        assert daemon.received[0].user == "ben"


async def test_a_refusal_is_one_sentence_and_code_1(broker: RunningBroker, capsys: pytest.CaptureFixture[str]) -> None:
    async with peer(broker.site, script=("accepted", "refused")):
        assert await run(parse(broker.site, "nurse", "--user", "anna", "start")) == 1
    assert capsys.readouterr().err == "start refused: the weight differs\n"


async def test_an_unknown_outcome_is_code_3(broker: RunningBroker, capsys: pytest.CaptureFixture[str]) -> None:
    async with peer(broker.site, script=("unknown",)):
        assert await run(parse(broker.site, "nurse", "--user", "anna", "start")) == 3
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["--user", "mallory", "stop"], ["--user", "anna", "--bed", "bed9", "stop"], ["--user", "a", "stop"]]
)
async def test_a_wrong_account_or_bed_is_one_sentence_and_code_2(
    broker: RunningBroker, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert await run(parse(broker.site, "nurse", *words)) == 2
    assert await run(parse(broker.site, "watch", *words[:-1])) == 2
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize(
    "words",
    [
        ["nurse", "--user", "anna", "start", "now"],
        ["nurse", "--user", "anna", *PREPARE],
        ["nurse", "--user", "anna", *CONFIRM, "--weight-kg", "NaN"],
        ["nurse", "--user", "anna", "score", "--nausea", "0"],
        ["nurse", "--user", "anna", "assess", "--moaas", "x", "--respiration-bpm", "1"],
        ["nurse", "--user", "anna", "symptom", "no-such-symptom"],
        ["nurse", "--user", "anna", "loosen", "hr-low-pause", "45"],
        ["broker", "--port", "70000"],
    ],
)
def test_a_wrong_command_line_is_code_2(broker: RunningBroker, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(broker.site, *words)
    assert ended.value.code == 2


# ---- watch ----------------------------------------------------------------------------------------------------------


@pytest.mark.req("ALRM-05")
async def test_a_bell_needs_a_terminal(broker: RunningBroker, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(parse(broker.site, "watch", "--user", "anna", "--sound")) == 2
    assert "--sound needs a terminal with a bell" in capsys.readouterr().err


@pytest.mark.req("ALRM-05")
async def test_a_watched_bed_is_told_how_long_ago_the_bell_was_heard(broker: RunningBroker) -> None:
    site = broker.site
    heard_ns = loop_ns() - 100 * NS_PER_S
    bell = Bell(lambda _ring: None, heard_ns=heard_ns)
    screen = Screen(lambda _words: None, is_terminal=False, bell=bell)
    async with peer(site) as daemon:
        watching = asyncio.create_task(watch(site, "anna", site.password("anna"), "bed1", screen))
        try:
            seen = await soon(daemon.stations.get())
        finally:
            watching.cancel()
            await asyncio.wait([watching])
    assert seen.test_age_ns is not None
    assert seen.token in {beat.token for beat in daemon.beats[-20:]}, (
        "as old as a watcher's second and a busy machine make it"
    )
    # this broker is on the same machine, so the clock is the same; the age is rounded up
    assert 100 * NS_PER_S <= seen.test_age_ns <= loop_ns() - heard_ns + NS_PER_MS


async def test_watch_shows_the_bed_beats_and_comes_back_after_the_broker(own_of_either: RunningBroker) -> None:
    site = own_of_either.site
    drawn: asyncio.Queue[str] = asyncio.Queue()

    async def shown(text: str) -> None:
        while text not in await drawn.get():
            pass

    screen = Screen(drawn.put_nowait, is_terminal=False)
    async with peer(site) as daemon:
        watching = asyncio.create_task(watch(site, "anna", site.password("anna"), "bed1", screen))
        try:
            await soon(shown("RUNNING"))
            own_of_either.kill()
            await soon(shown("LINK LOST"))
            own_of_either.start()
            await soon(daemon.side.connects.get())
            daemon.show()
            while not daemon.stations.empty():
                daemon.stations.get_nowait()
            await soon(shown("RUNNING"))
            assert (await soon(daemon.stations.get())).user == "anna"
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        assert watching.cancelled()
