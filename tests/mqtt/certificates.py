"""A throw-away authority and the certificates that it signs, made with openssl."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = "DNS:localhost,IP:127.0.0.1"
NOW_VALID = ("-days", "2")
LONG_OVER = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_CONFIGURATION = """
[ca]
default_ca = here
[here]
dir = {folder}
new_certs_dir = $dir
database = $dir/database
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
rand_serial = yes
unique_subject = no
copy_extensions = copy
policy = any
[any]
commonName = supplied
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate and its key, as files."""

    file: Path
    key: Path


class Authority:
    """Signs certificates; whoever is to trust them is given `file`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.file = folder / "ca.pem"
        (folder / "database").touch()
        (folder / "ca.cnf").write_text(_CONFIGURATION.format(folder=folder), encoding="utf-8")
        run_openssl(
            *("req", "-x509", *_KEY, *NOW_VALID, "-subj", "/CN=throw-away authority"),
            *("-keyout", str(folder / "ca.key"), "-out", str(self.file)),
        )

    def sign(self, name: str, *, names: str = HERE, validity: tuple[str, ...] = NOW_VALID) -> Certificate:
        """Return a certificate for `names`, kept in files that begin with `name`."""
        made = Certificate(file=self._folder / f"{name}.pem", key=self._folder / f"{name}.key")
        request = str(self._folder / f"{name}.csr")
        run_openssl(
            *("req", "-new", *_KEY, "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}"),
            *("-keyout", str(made.key), "-out", request),
        )
        run_openssl(
            *("ca", "-batch", "-notext", "-config", str(self._folder / "ca.cnf"), *validity),
            *("-in", request, "-out", str(made.file)),
        )
        return made


def self_signed(folder: Path) -> None:
    """Make a certificate that is its own authority: ca.pem, and its key.pem."""
    run_openssl(
        *("req", "-x509", *_KEY, *NOW_VALID, "-subj", "/CN=localhost", "-addext", f"subjectAltName={HERE}"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")),
    )


def run_openssl(*arguments: str) -> None:
    """Run openssl; an error of it is the test's."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
