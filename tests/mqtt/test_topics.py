"""Topic names, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd.core.ports import VitalKind
from pumpd.mqtt import topics
from pumpd.mqtt.topics import BedTopics, Channel, Topic, TopicError

BED = BedTopics(bed="bed1")


def test_the_topics_of_a_bed() -> None:
    assert BED.status == "pumpd/v1/bed1/status"
    assert BED.heartbeat == "pumpd/v1/bed1/heartbeat"
    assert BED.state == "pumpd/v1/bed1/state"
    assert BED.alarms == "pumpd/v1/bed1/alarms"
    assert BED.profile == "pumpd/v1/bed1/profile"
    assert BED.event == "pumpd/v1/bed1/event"
    assert BED.vital(VitalKind.SPO2) == "pumpd/v1/bed1/vitals/spo2"
    assert BED.request("anna") == "pumpd/v1/bed1/cmd/anna/request"
    assert BED.ack("anna") == "pumpd/v1/bed1/ack/anna"
    assert BED.station("anna") == "pumpd/v1/bed1/station/anna"
    assert topics.parse("pumpd/v1/bed1/in/ox7/spo2") == Topic(
        bed="bed1", channel=Channel.INPUT, name="ox7", detail="spo2"
    )


NAMES = st.from_regex(topics.NAME_PATTERN, fullmatch=True)


@given(NAMES, st.sampled_from(Channel), NAMES, NAMES)
def test_every_topic_comes_back_as_it_was_built(bed: str, channel: Channel, name: str, detail: str) -> None:
    try:
        topic = Topic(bed=bed, channel=channel)
    except TopicError:
        wants_detail = channel is Channel.INPUT
        topic = Topic(bed=bed, channel=channel, name=name, detail=detail if wants_detail else None)
    assert topics.parse(str(topic)) == topic


@pytest.mark.parametrize("name", ["", "+", "#", "a/b", "a b", "-a", "é", "a" * 33, "$SYS", "a\n"])
def test_what_is_no_name_builds_no_topic_and_parses_to_nothing(name: str) -> None:
    with pytest.raises(TopicError):
        BED.request(name)
    with pytest.raises(TopicError):
        BedTopics(bed=name)
    assert topics.parse(f"pumpd/v1/{name}/state") is None
    assert topics.parse(f"pumpd/v1/bed1/cmd/{name}/request") is None


@given(st.text())
def test_any_text_parses_to_a_topic_or_to_nothing(text: str) -> None:
    found = topics.parse(text)
    assert found is None or str(found) == text


def test_no_filter_ends_in_a_wildcard() -> None:
    filters = (*topics.screen_filters("+"), *topics.daemon_filters("bed1", ("anna",)))
    assert not [each for each in filters if each.endswith(("+", "#"))]
