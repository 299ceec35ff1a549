"""What `--help` and `--version` say."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined


def version() -> str:
    """Return the version of the distribution, or `unknown` when it runs from a tree that was never installed."""
    try:
        return metadata.version("print-fabric")
    except metadata.PackageNotFoundError:
        return "unknown"


def default_of(cls: type[BaseModel], key: tuple[str, ...], field: FieldInfo) -> object:
    """Return a setting's default: what the table above it says, else what the setting itself says.

    PydanticUndefined: there is none; in a table that may be left out (TLS) it is required once the table is there.
    """
    value: object = cls.model_fields[key[0]].get_default(call_default_factory=True)
    for name in key[1:]:
        if not isinstance(value, BaseModel):
            return field.get_default(call_default_factory=True)
        value = getattr(value, name)
    return value


def help_text(
    service: str, prefix: str, cls: type[BaseModel], fields: Mapping[tuple[str, ...], FieldInfo]
) -> str:
    """Return a line or two for every setting of `cls`: flag, what it is, default."""
    lines = [
        f"usage: fabric-{service} [--config FILE.toml] [--secrets-dir DIR] [--name value ...]",
        "",
        f"Every setting is a flag, a key of the TOML file and a variable {prefix}<NAME> (a dot is __).",
        "A flag wins over a variable, over a mounted secret, over the file. A name may be cut to its last part.",
        "",
    ]
    for key, field in fields.items():
        default = default_of(cls, key, field)
        missing = f"required for {'.'.join(key[:-1]).replace('_', '-')}" if key[1:] else "required"
        shown = missing if default is PydanticUndefined else f"default {show(default)}"
        lines.append(f"  --{'.'.join(key).replace('_', '-')}  [{shown}]")
        if field.description:
            lines.append(f"        {field.description}")
    return "\n".join([*lines, ""])


def show(default: object) -> str:
    """Return a default as people write it."""
    if default is None:
        return "none"
    if isinstance(default, tuple | list):
        return ",".join(map(str, default)) or "none"
    return "none" if default == {} else str(default).lower() if isinstance(default, bool) else str(default)
