"""A certificate authority for one test, made with the openssl command: no key is kept in the tree."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

_NEW = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
_SIGN = "-addext keyUsage=critical,keyCertSign"
_LINES = (
    f"req -x509 {_NEW} -days 2 -subj /CN=ca {_SIGN} -keyout ca.key -out ca.pem",
    f"req {_NEW} -subj /CN=localhost -keyout key.pem -out request.pem",
    "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -days 2 -extfile alt -out cert.pem",
)


def made(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return the authority's certificate, and a server's context with one of its for localhost."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    (folder / "alt").write_text("subjectAltName=DNS:localhost")
    for line in _LINES:
        subprocess.run([openssl, *line.split()], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "ca.pem", context
