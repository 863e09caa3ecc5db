"""What a run begins with is recorded whole, so that a replay decides by the same."""

from dataclasses import fields, replace

import pytest

from pumpd.core.profile import Version
from pumpd.core.state import Settings
from pumpd.records.beginning import run_begins
from pumpd.records.encoding import canonical, parse, registry
from tests.core.support import settings


@pytest.mark.req("CFG-07")
def test_the_settings_of_a_run_come_back_from_its_record() -> None:
    version = Version(what="program", name="pumpd", version="1", hash="c0ffee")
    begun = replace(settings(), versions=(version,), comfort_button=True)
    assert all(getattr(begun, each.name) != each.default for each in fields(Settings)), "a default would come back too"
    recorded = run_begins(begun)
    read = parse(canonical(recorded), registry(type(recorded)))
    assert read == recorded
    assert recorded.settings == begun
