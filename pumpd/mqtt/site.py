"""The site file: which broker, which people, which beds. Read once, bounded, closed; the rights follow from it."""

import ipaddress
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from pumpd.core.commands import Role
from pumpd.core.profile import Version
from pumpd.mqtt.connection import Endpoint
from pumpd.mqtt.topics import NAME_PATTERN, RESERVED_BED
from pumpd.toml_text import TomlError, members

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_FILE_BYTES = 256 * 1024
"""200 operators and 64 beds take some 20 KiB."""
MAX_PASSWORD_BYTES = 1024
DAEMON_CREDENTIAL = "mqtt-password"
"""The name under which the service manager hands the daemon its password."""

Name = Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")]
ShortText = Annotated[str, StringConstraints(min_length=3, max_length=60)]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class SiteError(ValueError):
    """A site file or a credential that cannot be used; the message is one line for who is at the command line."""

    def __init__(self, message: str, *, faults: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults or (message,)
        """Each fault by itself."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BrokerSection(_Section):
    """Where the broker listens."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=253)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    tls: bool = False
    ca_file: FileName | None = None
    cert_file: FileName | None = None
    key_file: FileName | None = None

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or neither")
        if self.cert_file is not None and not self.tls:
            raise ValueError("a certificate without tls = true would serve nobody: set it, or leave cert_file out")
        return self


class Operator(_Section):
    """One person, and what she may do."""

    name: Name
    role: Annotated[Role, Field(strict=False)]


class Bed(_Section):
    """One pump's daemon, and the account under which it speaks."""

    name: Name
    account: Name


Days = Annotated[int, Field(ge=1, le=730)]


class ClinicSection(_Section):
    """The clinic's own account and file, and the times it must set: one that is not set blocks every clearance."""

    account: Name
    database: FileName
    screening_valid_days: Days | None = None
    consultation_valid_days: Days | None = None
    ecg_valid_days: Days | None = None
    labs_valid_days: Days | None = None
    preparation_valid_days: Days | None = None
    preparatory_sessions: Annotated[int, Field(ge=2, le=10)] = 2
    infusions: Annotated[int, Field(ge=1, le=12)] = 3
    least_days_between: Annotated[int, Field(ge=2, le=90)] = 2
    alcohol_least_days_between: Annotated[int, Field(ge=2, le=90)] = 7
    score_valid_days: Annotated[int, Field(ge=1, le=30)] = 7
    score_rise: Annotated[int, Field(ge=1, le=63)] = 5
    contraindications: Annotated[list[ShortText], Field(max_length=20)] = []


class Source(_Section):
    """One source of vital signs, or a comfort button, on the bus; its name is its account. It belongs to one bed."""

    name: Name
    bed: Name
    kinds: Annotated[list[Literal["hr", "pr", "spo2", "rr", "nibp", "comfort"]], Field(min_length=1, max_length=6)]


class Accepted(_Section):
    """One version of program, library or profile that the site has accepted for clinical use."""

    what: Literal["program", "library", "profile"]
    name: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    version: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    by: Annotated[str, StringConstraints(min_length=3, max_length=60)]


class _File(_Section):
    credentials_dir: FileName
    readers: Annotated[list[Name], Field(max_length=16)] = []
    keep_backups_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    broker: BrokerSection = BrokerSection()
    operator: Annotated[list[Operator], Field(min_length=1, max_length=200)]
    bed: Annotated[list[Bed], Field(min_length=1, max_length=64)]
    clinic: ClinicSection | None = None
    source: Annotated[list[Source], Field(max_length=200)] = []
    accepted: Annotated[list[Accepted], Field(max_length=100)] = []

    @model_validator(mode="after")
    def _names_are_one_persons(self) -> Self:
        accounts = [
            *(each.name for each in self.operator),
            *(each.account for each in self.bed),
            *([] if self.clinic is None else [self.clinic.account]),
            *self.readers,
            *(each.name for each in self.source),
        ]
        for what, names in (("account", accounts), ("bed", [each.name for each in self.bed])):
            folded = [name.lower() for name in names]
            for name in names:
                if name.lower() == RESERVED_BED:
                    raise ValueError(f"the name {name!r} is reserved for the clinic process")
                if folded.count(name.lower()) > 1:
                    raise ValueError(
                        f"the {what} {name!r} is given twice; each operator, bed, reader and source needs its own"
                    )
        for source in self.source:
            if source.bed not in {each.name for each in self.bed}:
                raise ValueError(f"the source {source.name!r} is at bed {source.bed!r}, which is not among the beds")
            if len(set(source.kinds)) < len(source.kinds):
                raise ValueError(f"the source {source.name!r} names a kind twice")
        for bed in {each.bed for each in self.source}:
            if sum("comfort" in each.kinds for each in self.source if each.bed == bed) > 1:
                raise ValueError(f"bed {bed!r} has two comfort buttons; a lost one could hide behind the other")
        if not self.broker.tls and not is_loopback(self.broker.host):
            raise ValueError(
                f"[broker] host {self.broker.host!r} is another machine, so tls must be true: "
                "passwords and commands would travel in the clear"
            )
        return self


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Site:
    """A site file that was read and found good. `path` is named in every complaint."""

    __slots__ = ("_file", "path")

    def __init__(self, path: Path, file: _File) -> None:
        self.path = path
        self._file = file

    @property
    def operators(self) -> dict[str, Role]:
        """The people, by account name."""
        return {operator.name: operator.role for operator in self._file.operator}

    @property
    def beds(self) -> dict[str, str]:
        """The account of each bed's daemon, by bed name."""
        return {bed.name: bed.account for bed in self._file.bed}

    @property
    def clinic(self) -> ClinicSection | None:
        """What the site says of its clinic, None where no clinic process runs."""
        return self._file.clinic

    @property
    def clinic_database(self) -> Path:
        """Where the courses of treatment are kept; raises `SiteError` where the site has no clinic."""
        if self._file.clinic is None:
            raise SiteError(f"{self.path} has no [clinic] section; add one with account and database")
        return self._beside(self._file.clinic.database)

    @property
    def readers(self) -> tuple[str, ...]:
        """Accounts that only read screens."""
        return tuple(self._file.readers)

    @property
    def keep_backups_days(self) -> int | None:
        """For how long copies of journals are kept; None keeps all of them."""
        return self._file.keep_backups_days

    def sources(self, bed: str) -> dict[str, tuple[str, ...]]:
        """Return the kinds of each source on the bus that belongs to `bed`, by its name."""
        return {each.name: tuple(each.kinds) for each in self._file.source if each.bed == bed}

    def accepts(self, version: Version) -> bool:
        """Whether the site has accepted this version with this hash for clinical use (requirement CFG-07)."""
        wanted = (version.what, version.name, version.version, version.hash)
        return any((item.what, item.name, item.version, item.hash) == wanted for item in self._file.accepted)

    @property
    def accounts(self) -> tuple[str, ...]:
        """All account names, each once."""
        return (
            *self.operators,
            *self.beds.values(),
            *(() if self.clinic is None else (self.clinic.account,)),
            *self.readers,
            *(each.name for each in self._file.source),
        )

    @property
    def broker(self) -> BrokerSection:
        """Where the broker listens."""
        return self._file.broker

    @property
    def endpoint(self) -> Endpoint:
        """Where clients connect."""
        broker = self._file.broker
        ca_file = None if broker.ca_file is None else self._beside(broker.ca_file)
        return Endpoint(host=broker.host, port=broker.port, tls=broker.tls, ca_file=ca_file)

    @property
    def certificate(self) -> tuple[Path, Path] | None:
        """The broker's own certificate and key, None where it has none or they lie elsewhere."""
        broker = self._file.broker
        if broker.cert_file is None or broker.key_file is None:
            return None
        return self._beside(broker.cert_file), self._beside(broker.key_file)

    @property
    def credentials_dir(self) -> Path:
        """Where the password files lie; a relative path is relative to the site file."""
        return self._beside(self._file.credentials_dir)

    def password_path(self, account: str) -> Path:
        """Return the file that holds the password of `account`."""
        return self.credentials_dir / f"{account}.password"

    def hash_path(self, account: str) -> Path:
        """Return the file that holds the hash of a password that a person chose for `account`."""
        return self.credentials_dir / f"{account}.hash"

    def password(self, account: str) -> str:
        """Return the password of `account`, or raise `SiteError`."""
        self.require(account)
        return read_password(self.password_path(account))

    def require(self, account: str) -> None:
        """Raise `SiteError` where there is no such account."""
        if account not in self.accounts:
            raise SiteError(f"{self.path} knows no account {account[:40]!r}; it has {', '.join(self.accounts)[:400]}")

    def daemon_password(self, bed: str) -> str:
        """Return the password of the daemon of `bed`."""
        return self.service_password(self.account_of(bed))

    def service_password(self, account: str) -> str:
        """Return the password of a service's account: as handed over by the service manager, else from its file."""
        handed_over = os.environ.get("CREDENTIALS_DIRECTORY")
        if handed_over is not None:
            # the service manager's files belong to it, and are private by the directory they lie in
            return read_password(Path(handed_over) / DAEMON_CREDENTIAL, forbidden_mode=stat.S_IRWXO)
        return self.password(account)

    def account_of(self, bed: str) -> str:
        """Return the account of the daemon of `bed`, or raise `SiteError`."""
        account = self.beds.get(bed)
        if account is None:
            raise SiteError(f"{self.path} has no bed {bed[:40]!r}; it has {', '.join(self.beds)}")
        return account

    def only_bed(self) -> str:
        """Return the one bed there is, or raise `SiteError`: with several, a bed must be named."""
        if len(self.beds) != 1:
            raise SiteError(f"{self.path} has several beds ({', '.join(self.beds)}): name one with --bed")
        return next(iter(self.beds))

    def _beside(self, path: str) -> Path:
        return self.path.parent / path


def read_password(path: Path, *, forbidden_mode: int = stat.S_IRWXG | stat.S_IRWXO) -> str:
    """Return the password in `path`; raise `SiteError` where it is missing, empty or open to others."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(MAX_PASSWORD_BYTES + 1)
    except OSError as error:
        raise SiteError(f"the password file {path} cannot be read: {error.strerror}") from None
    if mode & forbidden_mode:
        raise SiteError(f"the password file {path} is open to others (mode {mode:04o}): make it 0600")
    try:
        password = content.decode("utf-8").rstrip("\n")
    except UnicodeDecodeError:
        raise SiteError(f"the password file {path} is not UTF-8 text") from None
    if not password or len(content) > MAX_PASSWORD_BYTES:
        raise SiteError(f"the password file {path} must hold 1 to {MAX_PASSWORD_BYTES} bytes, one line")
    return password


def load_site(path: Path) -> Site:
    """Read the site file at `path`, or raise `SiteError`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SiteError(f"the site file {path} cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise SiteError(f"the site file {path} has more than {MAX_FILE_BYTES} bytes")
    return parse_site(path, content)


def parse_site(path: Path, content: bytes) -> Site:
    """Return the site that `content` describes, which is or will be the file at `path`, or raise `SiteError`."""
    try:
        return Site(path, _File.model_validate(members(content)))
    except TomlError as error:
        raise SiteError(f"the site file {path} is not TOML: {error}") from None
    except ValidationError as error:
        faults = tuple(_sentence(fault) for fault in error.errors(include_url=False))
        raise SiteError(f"{path}: {'; '.join(faults)}", faults=faults) from None


def _sentence(fault: "ErrorDetails") -> str:
    """Return a complaint as section, key, what is wrong."""
    where = _place(fault["loc"])
    match fault["type"]:
        case "extra_forbidden":
            what = "is no key that pumpd knows"
        case "missing":
            what = "is missing"
        case "value_error":
            what = fault["msg"].removeprefix("Value error, ")
        case _:
            what = f"{fault['msg'][:1].lower()}{fault['msg'][1:]}, got {_shown(fault['input'])}"
    return f"{where} {what}".strip()


def _place(loc: tuple[int | str, ...]) -> str:
    match loc:
        case ("operator" | "bed" | "source" | "accepted" as section, int(number), *keys):
            return " ".join([f"[[{section}]] number {number + 1}", *map(str, keys)])
        case ("operator" | "bed" as section,):
            return f"[[{section}]]"
        case ("broker", *keys):
            return " ".join(["[broker]", *map(str, keys)])
        case _:
            return " ".join(map(str, loc))


def _shown(value: Any) -> str:
    return f"{value!r:.60}"
