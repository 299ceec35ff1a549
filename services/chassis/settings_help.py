"""What `--help` and `--version` say."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined


def version() -> str:
    """Return the version of the distribution, or `unknown` when it runs from a tree that was never installed."""
    try:
        return metadata.version("print-fabric")
    except metadata.PackageNotFoundError:
        return "unknown"


def help_text(service: str, prefix: str, fields: Mapping[tuple[str, ...], FieldInfo]) -> str:
    """Return a line or two for every setting: flag, what it is, default."""
    lines = [
        f"usage: fabric-{service} [--config FILE.toml] [--secrets-dir DIR] [--name value ...]",
        "",
        f"Every setting is a flag, a key of the TOML file and a variable {prefix}<NAME> (a dot is __).",
        "A flag wins over a variable, over a mounted secret, over the file. A name may be cut to its last part.",
        "",
    ]
    for key, field in fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "required" if default is PydanticUndefined else f"default {_show(default)}"
        lines.append(f"  --{'.'.join(key).replace('_', '-')}  [{shown}]")
        if field.description:
            lines.append(f"        {field.description}")
    return "\n".join([*lines, ""])


def _show(default: object) -> str:
    if default is None:
        return "none"
    if isinstance(default, tuple | list):
        return ",".join(map(str, default)) or "none"
    return "none" if default == {} else str(default).lower() if isinstance(default, bool) else str(default)
