"""What the pages tell to type with curl, against a real gateway."""

import json
import re
import shlex
import urllib.request
from itertools import pairwise
from pathlib import Path

import pytest

from producers.processes import Processes, reachable
from tests.docs.samples import PAGES, read
from worker.store.embedded import free_port

KEY = "a-key-of-the-tests"
CONFIG = f"""
[gateway.api_keys]
app1 = "{KEY}"
[defaults]
signature = "信使"
[templates.otp]
text = "您的验证码是{{code}}，{{minutes}}分钟内有效"
"""


def calls() -> list[list[str]]:
    """The words of every curl of ours on a page."""
    told = [
        sample.text.replace("\\\n", " ")
        for path in PAGES
        for sample in read(path)
        if "127.0.0.1:8080/v1" in sample.text and not sample.left_out
    ]
    lines = [line for text in told for line in text.splitlines() if line.startswith("curl ")]
    return [shlex.split(line) for line in lines]


@pytest.mark.system
@pytest.mark.timeout(300)
def test_every_curl_is_answered_well(tmp_path: Path, redis_url: str) -> None:
    config = tmp_path / "xinshi.toml"
    config.touch(mode=0o600)
    config.write_text(f'redis_url = "{redis_url}"\n{CONFIG}', "utf-8")
    listen = f"127.0.0.1:{free_port()}"
    assert calls()

    with Processes(tmp_path) as processes:
        processes.start(
            "gateway", "producers", "gateway", "--listen", listen, XINSHI_CONFIG=str(config)
        )
        processes.wait_for(
            "the gateway", lambda: reachable(f"http://{listen}/healthz"), patience=90
        )
        for words in calls():
            told = dict(pairwise(words))
            (url,) = (word for word in words if word.startswith("http://"))
            request = urllib.request.Request(
                re.sub(r"127\.0\.0\.1:8080", listen, url), told.get("-d", "").encode() or None
            )
            for name, value in pairwise(words):
                if name == "-H":
                    field, _, content = value.partition(": ")
                    request.add_header(field, content.replace("KEY", KEY))
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == (202 if request.data else 200)
                assert json.load(answer)
