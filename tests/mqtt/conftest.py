"""The brokers that the tests of this folder run against."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mqtt.brokers import RunningBroker, amqtt, mosquitto


@pytest.fixture(scope="module", params=["amqtt", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """A broker for tests that leave it as it was."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "amqtt":
        running = amqtt(folder)
    else:
        program = shutil.which("mosquitto")
        if program is None:
            pytest.skip("mosquitto is not installed")
        running = mosquitto(folder, program)
    running.start()
    yield running
    running.end()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[RunningBroker]:
    """An embedded broker for one test, to be killed and started at will."""
    running = amqtt(tmp_path)
    running.start()
    yield running
    running.end()
