"""What the journal holds at the begin of each run of the daemon: all that a replay needs and that is no event. Pure."""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from pumpd.core.commands import Role
from pumpd.core.profile import Profile, Version
from pumpd.core.state import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person of the site's operator list."""

    user: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegins:
    """The first record of each run: which program decides, by which profile, for whom."""

    program: str
    simulated: bool
    averaging_ns: int
    operators: tuple[Operator, ...]
    profile: Profile
    versions: tuple[Version, ...]
    comfort_button: bool

    @property
    def settings(self) -> Settings:
        """The settings of a core of this run."""
        return Settings(
            profile=self.profile,
            operators={each.user: each.role for each in self.operators},
            simulated=self.simulated,
            averaging_ns=self.averaging_ns,
            versions=self.versions,
            comfort_button=self.comfort_button,
        )


def run_begins(settings: Settings) -> RunBegins:
    """Return the first record of a run with these settings."""
    return RunBegins(
        program=program_version(),
        simulated=settings.simulated,
        averaging_ns=settings.averaging_ns,
        operators=tuple(Operator(user=user, role=role) for user, role in settings.operators.items()),
        profile=settings.profile,
        versions=settings.versions,
        comfort_button=settings.comfort_button,
    )


@cache
def program_version() -> str:
    """Return the version of this pumpd."""
    return version("pumpd")
