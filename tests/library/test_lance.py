"""The engine's client of its cloud catalogue is put off, and is there when asked for."""

from __future__ import annotations

import subprocess
import sys

SAID = """
import sys
from soundkin.library.lance import CLIENT, connect
db = connect(sys.argv[1])
assert db.list_tables().tables == []
early = any(name.startswith(CLIENT + ".api.") for name in sys.modules)
import lance_namespace_urllib3_client as client
print(early, client.ApiClient.__name__, client.api.__name__)
"""


def test_the_client_comes_when_asked_for(tmp_path):
    command = [sys.executable, "-c", SAID, str(tmp_path / "tables")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.split() == ["False", "ApiClient", "lance_namespace_urllib3_client.api"]
