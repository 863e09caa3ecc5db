"""Reads the file of one bed (TOML): which devices on which ports, which profile and site, where the journal lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivers import registry
from pumpd.bedside.profile_file import ProfileError, load_profile
from pumpd.bedside.versions import versions_of
from pumpd.core.profile import Profile, Version
from pumpd.mqtt.site import Site, SiteError, load_site
from pumpd.toml_text import TomlError, members


class ConfigError(ValueError):
    """The daemon cannot run with this file; the message is one line for who is at the command line."""

    def __init__(self, message: str, *, faults: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults or (message,)
        """Each fault by itself."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Device(_Section):
    """One device on a serial port."""

    driver: str
    port: Annotated[str, Field(min_length=1)]


class _File(_Section):
    bed: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,32}$")]
    site: str
    profile: str
    journal: str
    simulated: bool
    clinical: bool
    pump: Device
    oximeter: Device
    cuff: Device


class _PumpOnly(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    simulated: bool
    pump: Device


_Form = TypeVar("_Form", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything one daemon needs, read and judged."""

    bed: str
    site: Site
    profile: Profile
    profile_file: Path
    journal: Path
    simulated: bool
    clinical: bool
    pump: Device
    oximeter: Device
    cuff: Device
    versions: tuple[Version, ...]


def load_config(path: Path) -> Config:
    """Return the configuration in `path`; raises `ConfigError`. Relative paths are relative to the file."""
    file = _read(path, _File)
    found: list[str] = []
    for make, device in (
        (registry.pump, file.pump),
        (registry.oximeter, file.oximeter),
        (registry.cuff, file.cuff),
    ):
        try:
            make(device.driver)
        except ValueError as error:
            found.append(str(error))
    here = path.parent
    profile, site = None, None
    try:
        profile = load_profile(here / file.profile)
    except ProfileError as error:
        found.append(str(error))
    try:
        site = load_site(here / file.site)
    except SiteError as error:
        found.append(str(error))
    if site is not None and file.bed not in site.beds:
        found.append(f"bed {file.bed} is not in {site.path}; it has {', '.join(site.beds)}")
    if profile is not None and profile.simulators_only and not file.simulated:
        found.append(f"profile {profile.name} is for simulators only and simulated is false")
    if found or profile is None or site is None:
        raise ConfigError(f"{path}: {'; '.join(found)}", faults=tuple(found))
    return Config(
        bed=file.bed,
        site=site,
        profile=profile,
        profile_file=here / file.profile,
        journal=here / file.journal,
        simulated=file.simulated,
        clinical=file.clinical,
        pump=file.pump.model_copy(update={"port": str(here / file.pump.port)}),
        oximeter=file.oximeter.model_copy(update={"port": str(here / file.oximeter.port)}),
        cuff=file.cuff.model_copy(update={"port": str(here / file.cuff.port)}),
        versions=versions_of(profile),
    )


def load_pump(path: Path) -> tuple[Device, bool]:
    """Return the pump of the bed in `path`, and whether it is simulated; raises `ConfigError`.

    Nothing else in the file need be right: a pump must be stopped also where a limit was mistyped.
    """
    file = _read(path, _PumpOnly)
    try:
        registry.pump(file.pump.driver)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    return file.pump.model_copy(update={"port": str(path.parent / file.pump.port)}), file.simulated


def _read(path: Path, kind: type[_Form]) -> _Form:
    try:
        return kind.model_validate(members(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except TomlError as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from None
    except ValidationError as error:
        faults = tuple(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigError(f"{path}: {'; '.join(faults)}", faults=faults) from None


def clinical_faults(config: Config) -> tuple[str, ...]:
    """Return everything that keeps this bed out of clinical mode (requirements CFG-05 and CFG-07)."""
    found = []
    if not registry.pump(config.pump.driver).clinical:
        found.append(f"the maker of pump {config.pump.driver} forbids its use on humans; set clinical to false")
    if config.simulated:
        found.append("clinical and simulated are both true; a simulated session is never clinical")
    if not config.profile.approved:
        found.append(
            f"profile {config.profile.name} is not approved by two named people, one of them a prescriber; it runs on "
            "simulators and bench pumps only, with clinical set to false"
        )
    found.extend(
        f"{version} is not on the list of {config.site.path}; have it accepted there, or set clinical to false"
        for version in config.versions
        if not config.site.accepts(version)
    )
    return tuple(found)
