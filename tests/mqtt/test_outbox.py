"""What is given up when the link is slow or gone, and what never is."""

from pumpd.mqtt.outbox import MAX_RELIABLE, MAX_TELEMETRY, Outbox, Outgoing


def telemetry(number: int) -> Outgoing:
    return Outgoing(topic="heartbeat", payload=b"%d" % number, qos=0, retain=False)


def receipt(number: int) -> Outgoing:
    return Outgoing(topic="ack/anna", payload=b"%d" % number, qos=1, retain=False)


def retained(topic: str, number: int) -> Outgoing:
    return Outgoing(topic=topic, payload=b"%d" % number, qos=1, retain=True)


def drained(box: Outbox) -> list[Outgoing]:
    taken = []
    while (message := box.take()) is not None:
        taken.append(message)
    return taken


def test_messages_leave_in_the_order_in_which_they_came() -> None:
    box = Outbox()
    messages = [telemetry(1), retained("state", 1), receipt(1), retained("alarms", 1), telemetry(2)]
    for message in messages:
        box.put(message)
    assert drained(box) == messages
    assert box.take() is None


def test_a_retained_topic_keeps_only_its_newest_message_in_its_new_place() -> None:
    box = Outbox()
    for message in (retained("state", 1), receipt(1), retained("state", 2), retained("alarms", 1)):
        box.put(message)
    assert drained(box) == [receipt(1), retained("state", 2), retained("alarms", 1)]


def test_telemetry_goes_first_and_takes_nothing_else_along() -> None:
    box = Outbox()
    box.put(receipt(0))
    for number in range(10 * MAX_TELEMETRY):
        box.put(telemetry(number))
    left = drained(box)
    assert left[0] == receipt(0)
    assert left[1:] == [telemetry(number) for number in range(9 * MAX_TELEMETRY, 10 * MAX_TELEMETRY)]
    assert box.dropped_telemetry == 9 * MAX_TELEMETRY
    assert box.dropped_reliable == 0


def test_receipts_are_bounded_and_the_oldest_is_counted_out() -> None:
    box = Outbox()
    for number in range(MAX_RELIABLE + 5):
        box.put(receipt(number))
    assert len(box) == MAX_RELIABLE
    assert box.take() == receipt(5)
    assert box.dropped_reliable == 5


def test_a_receipt_that_did_not_leave_comes_first_again_and_nothing_else_does() -> None:
    box = Outbox()
    box.put(receipt(1))
    box.put(receipt(2))
    first = box.take()
    assert first is not None
    box.put_back(first)
    box.put_back(telemetry(1))
    box.put_back(retained("state", 1))
    assert drained(box) == [receipt(1), receipt(2)]


def test_without_a_link_only_telemetry_is_forgotten() -> None:
    box = Outbox()
    for message in (telemetry(1), receipt(1), telemetry(2), retained("state", 1)):
        box.put(message)
    box.drop_telemetry()
    assert drained(box) == [receipt(1), retained("state", 1)]
    assert box.dropped_telemetry == 2
