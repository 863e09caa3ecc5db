"""Connections over TLS: mosquitto as `pumpd broker-config` sets it up, certificates of the test's own, no stand-in."""

import argparse
import asyncio
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import pytest

from pumpd.core.commands import ReceiptState
from pumpd.dashboard.command import add_dashboard_parser, run_dashboard
from pumpd.dashboard.requests import PressError
from pumpd.mqtt.connection import BrokerError, Endpoint, connected
from pumpd.mqtt.nurse import NurseSession
from pumpd.mqtt.site import Site, load_site
from simulators.harness.processes import Child, end_or_kill
from simulators.harness.site import free_port
from tests.dashboard.test_hall import hall_of, seated
from tests.mqtt.brokers import RunningBroker, daemon_side, mosquitto, soon
from tests.mqtt.certificates import HERE, LONG_OVER, Authority, Certificate
from tests.mqtt.peers import Peer, played
from tests.proxy import proxy_to

pytestmark = [pytest.mark.process, pytest.mark.req("CMD-05")]

SECTION = '[broker]\ntls = true\nca_file = "ca.pem"\ncert_file = "broker.pem"\nkey_file = "broker.key"\n'


@dataclass
class Secured:
    """A broker that speaks TLS only, and who signs for it."""

    folder: Path
    broker: RunningBroker
    certificates: dict[str, Certificate]
    shown: str = ""

    def show(self, name: str) -> None:
        """Let the broker run with this certificate."""
        if name != self.shown:
            self.broker.end()
            install(self.certificates[name], self.folder)
            self.broker.start()
            self.shown = name

    def site(self, **changed: object) -> Site:
        """Return the site as a client has it that was told another port or another authority."""
        text = self.broker.site.path.read_text(encoding="utf-8")
        for old, new in {
            f"port = {self.broker.site.broker.port}": changed.get("port"),
            '"ca.pem"': changed.get("ca"),
        }.items():
            if new is not None:
                assert text.count(old) == 1
                text = text.replace(old, f"port = {new}" if old.startswith("port") else f'"{new}"')
        path = self.folder / "client.toml"
        path.write_text(text, encoding="utf-8")
        return load_site(path)


def install(certificate: Certificate, folder: Path) -> None:
    (folder / "broker.pem").write_bytes(certificate.file.read_bytes())
    (folder / "broker.key").write_bytes(certificate.key.read_bytes())


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = Authority(folder / "authority"), Authority(folder / "stranger")
    certificates = {
        "good": authority.sign("good"),
        "elsewhere": authority.sign("elsewhere", names="DNS:broker.clinic.example"),
        "over": authority.sign("over", names=HERE, validity=LONG_OVER),
    }
    (folder / "ca.pem").write_bytes(authority.file.read_bytes())
    (folder / "stranger.pem").write_bytes(stranger.file.read_bytes())

    def prepare(site_file: Path) -> None:
        install(certificates["good"], folder)
        site_file.write_text(site_file.read_text(encoding="utf-8").replace("[broker]\n", SECTION), encoding="utf-8")

    secured = Secured(folder, mosquitto(folder, prepare), certificates)
    yield secured
    secured.broker.end()


def anna(site: Site) -> NurseSession:
    return NurseSession(site, "anna", site.password("anna"), "bed1")


async def test_daemon_nurse_and_pages_command_over_tls_and_the_line_shows_none_of_it(secured: Secured) -> None:
    secured.show("good")
    carried = bytearray()
    async with proxy_to(secured.broker.site.broker.port) as line:
        line.on_data = carried.extend
        site = secured.site(port=line.port)
        async with daemon_side(site) as side, played(Peer(side, tuple(site.operators)), alive=True) as daemon:
            assert (await anna(site).send("start")).state is ReceiptState.VERIFIED
            assert (await anna(site).send("stop")).state is ReceiptState.VERIFIED
            async with hall_of(site) as hall:
                _, window = await seated(hall, "ben")
                fields = {"order_hash": "c0ffee", "password": site.password("ben")}
                command_id = await window.press("start", fields=fields)
                await window.until(lambda script: command_id in script and "verified" in script)
        assert [each.user for each in daemon.received] == ["anna", "anna", "ben"]
    secrets = [site.password(account) for account in site.accounts]
    assert len(carried) > 10_000
    assert [word for word in (*secrets, "pumpd/v1", "order_hash", "c0ffee") if word.encode() in carried] == []


async def test_a_client_without_tls_is_refused(secured: Secured) -> None:
    secured.show("good")
    carried = bytearray()
    password = secured.broker.site.password("anna")
    async with proxy_to(secured.broker.site.broker.port) as line:
        line.on_data = carried.extend
        with pytest.raises(BrokerError) as refused:
            async with connected(Endpoint(host="127.0.0.1", port=line.port), user="anna", password=password):
                pytest.fail("let in")
    assert_one_sentence(str(refused.value), "tls = true in [broker]")
    # only on this machine does a site file let anybody leave TLS out: what the line shows here a look would have found
    assert password.encode() in carried


BAD: dict[str, tuple[str, dict[str, object], str]] = {
    "an unknown authority": ("good", {"ca": "stranger.pem"}, "unable to get local issuer certificate"),
    "another host's name": ("elsewhere", {}, "certificate is not valid for '127.0.0.1'"),
    "an expired one": ("over", {}, "certificate has expired"),
}


def assert_one_sentence(text: str, *parts: str) -> None:
    assert "\n" not in text
    assert "_ssl.c" not in text
    for part in parts:
        assert part in text


@pytest.mark.parametrize("name", BAD)
async def test_a_certificate_that_is_not_trusted_is_refused_and_nothing_is_sent(secured: Secured, name: str) -> None:
    shown, changed, why = BAD[name]
    secured.show(shown)
    carried = bytearray()
    parts = ("shows a certificate that is not trusted", why, "ca_file")
    async with proxy_to(secured.broker.site.broker.port) as line:
        line.on_data = carried.extend
        site = secured.site(port=line.port, **changed)
        async with daemon_side(site, connected=False) as side:
            assert_one_sentence(await soon(side.losses.get()), *parts)
            assert side.connects.empty()
        ack = await anna(site).send("start")
        assert ack.state is ReceiptState.REFUSED
        assert_one_sentence(ack.reason, "nothing was sent", *parts)
        async with hall_of(site, connected=False) as hall:
            async with asyncio.timeout(15):
                while why not in str(hall.board.broker_lost):
                    await asyncio.sleep(0.02)
            assert_one_sentence(str(hall.board.broker_lost), *parts)
            with pytest.raises(PressError, match="the broker does not answer: nobody can log in"):
                await hall.log_in("ben", site.password("ben"), "127.0.0.1")
    assert carried
    assert not any(site.password(account).encode() in carried for account in site.accounts)


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file or directory"), ("none", "NO_CERTIFICATE_OR_CRL_FOUND")]
)
async def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, why: str) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content, encoding="utf-8")
    endpoint = Endpoint(host="127.0.0.1", port=free_port(), tls=True, ca_file=ca_file)
    with pytest.raises(BrokerError) as refused:
        async with connected(endpoint, user="anna", password="unused"):  # noqa: S106 - nothing is reached
            pytest.fail("let in")
    assert_one_sentence(str(refused.value), f"{ca_file} holds no authority's certificate in PEM", why)


async def test_a_broker_without_tls_gets_no_password_of_a_client_with_it(secured: Secured) -> None:
    heard = bytearray()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(65_536))
        writer.write(b"\x20\x02\x00\x00")  # what a broker without TLS says to a log-in
        writer.close()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        site = secured.site(port=server.sockets[0].getsockname()[1])
        with pytest.raises(BrokerError) as refused:
            async with connected(site.endpoint, user="anna", password=site.password("anna")):
                pytest.fail("let in")
    assert_one_sentence(str(refused.value), "speaks no TLS that pumpd accepts", "check [broker] port and tls")
    assert heard
    assert site.password("anna").encode() not in heard


# ---- the pages ------------------------------------------------------------------------------------------------------


async def test_the_pages_are_served_over_tls_to_a_browser_that_knows_the_authority(
    secured: Secured, tmp_path: Path
) -> None:
    secured.show("good")
    site, own = secured.site(), secured.certificates["good"]
    port = free_port()
    arguments = [
        "--site",
        str(site.path),
        "--port",
        str(port),
        "--cert-file",
        str(own.file),
        "--key-file",
        str(own.key),
    ]
    pages = Child("dashboard", ["-m", "pumpd.cli", "dashboard", *arguments], log=tmp_path / "dashboard.log")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(end_or_kill, pages)
        await pages.said(f"dashboard listening on https://127.0.0.1:{port}")
        cookies = CookieJar()
        trusting = ssl.create_default_context(cafile=secured.folder / "ca.pem")
        browser = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trusting), urllib.request.HTTPCookieProcessor(cookies)
        )
        form = urlencode({"user": "anna", "password": site.password("anna")}).encode()

        def fetch(data: bytes | None = None) -> tuple[str, bytes]:
            with browser.open(f"https://127.0.0.1:{port}/login", data, timeout=15) as page:
                return page.url, page.read()

        assert b'name="password"' in (await asyncio.to_thread(fetch))[1]
        url, ward = await asyncio.to_thread(fetch, form)
        assert url == f"https://127.0.0.1:{port}/", "she is in, by way of a broker over TLS"
        assert b"/bed/bed1" in ward
        (cookie,) = cookies
        assert cookie.secure, "a browser never sends it without TLS"
        for url in (f"http://127.0.0.1:{port}/login", f"https://127.0.0.1:{port}/login"):
            with pytest.raises((urllib.error.URLError, OSError)):
                await asyncio.to_thread(urllib.request.urlopen, url, None, 15)


@pytest.mark.parametrize("fault", ["another's key", "no file"])
def test_a_certificate_without_its_key_serves_no_pages(
    secured: Secured, tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = secured.certificates["good"], secured.certificates["over"]
    certificate, key, why = {
        "another's key": (own.file, other.key, "KEY_VALUES_MISMATCH"),
        "no file": (tmp_path / "none.pem", own.key, "No such file or directory"),
    }[fault]
    parser = argparse.ArgumentParser()
    add_dashboard_parser(parser.add_subparsers())
    words = ["--site", str(secured.broker.site.path), "--cert-file", str(certificate), "--key-file", str(key)]
    assert run_dashboard(parser.parse_args(["dashboard", *words])) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert_one_sentence(said.err.rstrip("\n"), f"--cert-file {certificate}", "cannot be used", why)
