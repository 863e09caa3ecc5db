"""Payloads, records and configuration of any content: refused in words, never by another exception."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumpd.bedside.profile_file import read_profile
from pumpd.core.ports import PumpCounter
from pumpd.core.quantities import Concentration
from pumpd.mqtt.site import SiteError, load_site
from pumpd.records.encoding import EncodingError, parse, registry
from pumpd.toml_text import TomlError, members
from tools.prove.hostile import CONFIG, commands, records

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
COMMANDS, RECORDS = commands(), records()
HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.req("CMD-06")
@given(st.sampled_from(COMMANDS.seeds), st.dictionaries(st.text(max_size=8) | st.just("kind"), ANY, max_size=3))
def test_a_command_with_any_members_leaves_the_core_as_it_was_or_is_understood(
    seed: bytes, more: dict[str, object]
) -> None:
    COMMANDS.feed(json.dumps({**json.loads(seed), **more}).encode())


@given(st.sampled_from(RECORDS.seeds), st.data())
def test_a_record_with_any_member_is_refused_in_words_or_read_exactly(seed: bytes, data: st.DataObject) -> None:
    whole = json.loads(seed)
    whole[data.draw(st.sampled_from(sorted(whole)))] = data.draw(ANY)
    RECORDS.feed(json.dumps(whole).encode())


@pytest.mark.req("CFG-03")
@HERE
@given(st.data(), st.text(max_size=30) | st.sampled_from(["-1", "1e99", "nan", "inf", "[]", "{}", '""', "true"]))
def test_a_value_of_any_text_in_a_file_is_refused_in_words_or_taken(
    tmp_path: Path, data: st.DataObject, value: str
) -> None:
    for name in ("site.example.toml", "profiles/demo.toml"):
        lines = (CONFIG / name).read_text().splitlines()
        at = data.draw(st.sampled_from([number for number, line in enumerate(lines) if " = " in line]))
        lines[at] = f"{lines[at].split(' = ', 1)[0]} = {value}"
        path = tmp_path / "any.toml"
        path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
        reading = read_profile(path)
        assert reading.profile is not None or reading.findings
        try:
            load_site(path)
        except SiteError as refusal:
            assert str(path) in str(refusal)  # noqa: PT017 - a file may also be good


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"a = " + b"[" * 4_000, "nested too deeply"),
        (b"a = " + b"9" * 5_000, "limit"),
        (b"\xff", "not UTF-8"),
        (b"a =", "Invalid value"),
    ],
)
def test_whatever_is_no_toml_is_one_error(raw: bytes, words: str) -> None:
    with pytest.raises(TomlError, match=words):
        members(raw)


@pytest.mark.parametrize("depth", [600, 3_000, 100_000])
def test_a_record_without_end_is_refused(depth: int) -> None:
    with pytest.raises(EncodingError, match=r"deeply|not JSON"):
        parse("[" * depth + "]" * depth, registry(PumpCounter))


@pytest.mark.parametrize("text", ["1e999999999", "1", "1/0", "0.5", " 1/2", "1_0/2"])
def test_a_fraction_is_read_only_as_it_is_written(text: str) -> None:
    with pytest.raises(EncodingError, match="a fraction"):
        parse(f'{{"type":"Concentration","ng_per_nl":"{text}"}}', registry(Concentration))
