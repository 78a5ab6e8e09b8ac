"""Opens the store's engine without the part of it that talks to a catalogue on the net.

Importing lancedb imports the client of its cloud catalogue, some 90 generated classes of requests: half
of the time that a command takes to start. They are imported when somebody asks for one of them.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import lancedb

CLIENT = "lance_namespace_urllib3_client"


def connect(uri: str, options: Mapping[str, str] | None = None) -> lancedb.DBConnection:
    """Return a connection to the tables in a folder, or at an address with the options of its store."""
    os.environ.setdefault("LANCEDB_LOG", "error")  # its warnings are what retries are for
    _defer(CLIENT)
    import lancedb

    return lancedb.connect(uri, storage_options=dict(options) if options else None)


def _defer(package: str) -> None:
    """Let a package's own module run when an attribute of it is asked for; its submodules as always."""
    if package in sys.modules:
        return
    spec = importlib.util.find_spec(package)
    if spec is None or spec.loader is None or spec.submodule_search_locations is None:
        return
    module, loader = ModuleType(package), spec.loader
    module.__spec__, module.__file__ = spec, spec.origin
    module.__path__ = list(spec.submodule_search_locations)

    def found(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        vars(module).pop("__getattr__", None)
        loader.exec_module(module)
        return getattr(module, name)

    vars(module)["__getattr__"] = found
    sys.modules[package] = module
