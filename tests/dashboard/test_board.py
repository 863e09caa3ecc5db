"""What is kept of a bed: an hour, no more, and no line over what was not measured."""

from decimal import Decimal

from pumpd.core.modes import Mode
from pumpd.core.ports import VitalKind
from pumpd.core.quantities import NS_PER_S
from pumpd.dashboard.board import MAX_LINES, TREND_NS, Board
from pumpd.dashboard.trend import options
from pumpd.mqtt.payloads import EventLine
from tests.dashboard.beds import START_NS, lively, tell
from tests.mqtt.examples import AT, heartbeat, state, vital


def at(seconds: float) -> int:
    return START_NS + int(seconds * NS_PER_S)


def test_a_message_of_no_bed_of_ours_or_of_no_sense_changes_nothing() -> None:
    board = lively()
    before = board.beds["bed1"].view
    assert board.hear("pumpd/v1/bed9/state", b"{}", retained=False, now_ns=START_NS) is None
    assert board.hear("elsewhere", b"{}", retained=False, now_ns=START_NS) is None
    for name in ("state", "profile", "event", "vitals/spo2", "heartbeat", "alarms"):
        board.hear(f"pumpd/v1/bed1/{name}", b"nonsense", retained=False, now_ns=START_NS)
    assert board.beds["bed1"].view is before


def test_a_trend_has_a_point_every_five_seconds_and_an_hour_of_them() -> None:
    board = lively()
    for second in range(1, 3_700):
        tell(board, vital(), at(second))
    points = board.beds["bed1"].trends[VitalKind.SPO2]
    assert 715 <= len(points) <= 721
    assert all(
        later.at_ns - earlier.at_ns >= 5 * NS_PER_S for earlier, later in zip(points, list(points)[1:], strict=False)
    )
    assert points[0].at_ns >= at(3_699) - TREND_NS


def test_a_cuffs_reading_is_one_point_however_often_it_is_told() -> None:
    board = lively()
    for second in range(60):
        reading = vital(120).model_copy(update={"kind": VitalKind.SBP, "age_s": Decimal(second)})
        tell(board, reading, at(second))
    assert len(board.beds["bed1"].trends[VitalKind.SBP]) == 1


def test_what_was_not_measured_breaks_the_line() -> None:
    board = lively()
    tell(board, vital(None), at(10))
    tell(board, vital(95), at(20))
    assert [point.value for point in board.beds["bed1"].trends[VitalKind.SPO2]] == [96, None, 95]


def test_a_retained_vital_is_no_point() -> None:
    board = Board(["bed1"])
    tell(board, vital(), retained=True)
    assert board.beds["bed1"].trends == {}


def test_the_record_keeps_the_last_lines() -> None:
    board = lively()
    for seq in range(MAX_LINES + 5):
        tell(board, EventLine(seq=seq, at=AT, kind="note", text=f"line {seq}"), at(seq))
    lines = board.beds["bed1"].lines
    assert (len(lines), lines[-1].text) == (MAX_LINES, f"line {MAX_LINES + 4}")


def test_pauses_and_silences_are_shaded_and_limits_drawn() -> None:
    board = lively()
    for second in range(181):
        mode, rev = (Mode.PAUSED, 8) if 60 <= second < 120 else (Mode.RUNNING, 7)
        tell(board, state(mode=mode, rev=rev), at(second))
        tell(board, heartbeat(second, rev=rev), at(second))
    for second in range(181, 241):  # nothing is heard any more
        board.look(at(second))
    bed = board.beds["bed1"]
    assert [span.mode for span in bed.spans] == [None, Mode.RUNNING, Mode.PAUSED, Mode.RUNNING, None]
    chart = options(bed, at(240))
    shaded = [(begin["xAxis"], end["xAxis"]) for begin, end in chart["series"][0]["markArea"]["data"]]
    assert shaded == [(-4.0, -4.0), (-3.0, -2.0), (-0.933, 0.0)]
    lines = {each["name"]: [line["yAxis"] for line in each["markLine"]["data"]] for each in chart["series"]}
    assert lines["SpO₂"] == [92]
    assert lines["systolic"] == [160], "a limit above baseline is no line"
    assert chart["series"][0]["data"] == [[-4.008, 96]]


def test_the_mode_stands_while_its_next_state_is_on_its_way() -> None:
    board = lively()
    tell(board, heartbeat(2, rev=8), at(1))
    assert [span.mode for span in board.beds["bed1"].spans][-1] is Mode.RUNNING
