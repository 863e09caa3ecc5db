"""Reads the file of one bed (TOML): which devices on which ports, which profile and site, where the journal lies."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivers import registry
from pumpd.bedside.profile_file import ProfileError, load_profile
from pumpd.core.profile import Profile
from pumpd.mqtt.site import Site, SiteError, load_site


class ConfigError(ValueError):
    """The daemon cannot run with this file; the message is one sentence for who is at the command line."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything one daemon needs, read and judged."""

    bed: str
    site: Site
    profile: Profile
    journal: Path
    simulated: bool
    clinical: bool
    pump: Device
    oximeter: Device
    cuff: Device


def load_config(path: Path) -> Config:
    """Return the configuration in `path`; raises `ConfigError`. Relative paths are relative to the file."""
    try:
        file = _File.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigError(f"{path}: {faults}") from None
    try:
        registry.pump(file.pump.driver)
        registry.oximeter(file.oximeter.driver)
        registry.cuff(file.cuff.driver)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    here = path.parent
    try:
        profile = load_profile(here / file.profile)
        site = load_site(here / file.site)
    except (ProfileError, SiteError) as error:
        raise ConfigError(str(error)) from None
    if file.bed not in site.beds:
        raise ConfigError(f"{path}: bed {file.bed} is not in {site.path}; it has {', '.join(site.beds)}")
    if profile.simulators_only and not file.simulated:
        raise ConfigError(f"{path}: profile {profile.name} is for simulators only and simulated is false")
    return Config(
        bed=file.bed,
        site=site,
        profile=profile,
        journal=here / file.journal,
        simulated=file.simulated,
        clinical=file.clinical,
        pump=file.pump.model_copy(update={"port": str(here / file.pump.port)}),
        oximeter=file.oximeter.model_copy(update={"port": str(here / file.oximeter.port)}),
        cuff=file.cuff.model_copy(update={"port": str(here / file.cuff.port)}),
    )
