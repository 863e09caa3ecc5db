"""The brokers that the tests of this folder run against."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pumpd.core.commands import Role
from pumpd.mqtt.users import add_user
from tests.mqtt.brokers import BROKERS, RunningBroker, amqtt
from tests.mqtt.certificates import self_signed
from tests.mqtt.test_broker_config import TLS
from tests.mqtt.test_users import WORD

EITHER = sorted(BROKERS)


def while_running(broker: RunningBroker) -> Iterator[RunningBroker]:
    broker.start()
    yield broker
    broker.end()


@pytest.fixture(scope="module", params=EITHER)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """A broker for tests that leave it as it was."""
    yield from while_running(BROKERS[request.param](tmp_path_factory.mktemp(request.param)))


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[RunningBroker]:
    """An embedded broker for one test, to be killed and started at will."""
    yield from while_running(amqtt(tmp_path))


@pytest.fixture(params=EITHER)
def own_of_either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    """A broker of either kind for one test, to be killed and started at will."""
    yield from while_running(BROKERS[request.param](tmp_path))


@pytest.fixture(params=EITHER)
def broker_with_dora(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    """A broker of a site to which a person was added."""
    yield from while_running(
        BROKERS[request.param](tmp_path, lambda site_file: add_user(site_file, "dora", Role.NURSE, WORD))
    )


@pytest.fixture(params=EITHER)
def tls_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    """A broker with a certificate of its own."""

    def prepare(site_file: Path) -> None:
        self_signed(site_file.parent)
        text = site_file.read_text(encoding="utf-8")
        site_file.write_text(text.replace("[broker]\n", f"[broker]\n{TLS}"), encoding="utf-8")

    yield from while_running(BROKERS[request.param](tmp_path, prepare))
