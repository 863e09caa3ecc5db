"""The brokers that the pages' server talks to."""

from tests.mqtt.conftest import broker as broker
from tests.mqtt.conftest import own_broker as own_broker
from tests.mqtt.conftest import own_of_either as own_of_either
