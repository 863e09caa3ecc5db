"""The words of a course of treatment: the same on the wire, in the record and on paper."""

import re
from enum import Enum

import pytest

from pumpd.core.course_words import BANDS, Answer, Check, Gate, Indication, Meeting, Scale

WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*")


@pytest.mark.parametrize("kind", [Indication, Gate, Meeting, Check, Answer, Scale])
def test_a_word_can_stand_in_a_topic_a_column_and_a_page(kind: type[Enum]) -> None:
    words = [member.value for member in kind]
    assert all(WORD.fullmatch(word) for word in words)
    assert len({word.casefold() for word in words}) == len(words)


def test_the_bands_of_the_depression_score_meet_and_end_at_the_highest_total() -> None:
    ends = [end for end, _ in BANDS]
    assert ends == sorted(ends)
    assert ends[-1] == 63  # 21 items of 0 to 3
