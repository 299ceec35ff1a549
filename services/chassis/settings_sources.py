"""Reads settings: flags over environment over mounted secrets over file over defaults.

Every value remembers where it came from, so that a wrong one is one line: the place, the key, what is wrong, what is
allowed. Nothing is ignored silently: an unknown key of the file, flag or variable is an error with a suggestion.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from chassis.settings import Settings
from chassis.settings_help import help_text, version

EX_CONFIG = 78  # sysexits.h
DEFAULT_SECRETS = Path("/run/secrets/printfabric")

S = TypeVar("S", bound=Settings)
Key = tuple[str, ...]

# What Kubernetes and Docker put into the environment of every pod beside a Service named printfabric-spooler.
_SERVICE_LINK = re.compile(r"(.*_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)")


class SettingsError(Exception):
    """Settings that cannot be used; each line names the place, the key, what is wrong and what is allowed."""


def load(cls: type[S], argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> S:
    """Return the settings of this process.

    Raises:
        SettingsError: something is wrong or unknown.
        SystemExit: `--help` or `--version` was answered.
    """
    settings: S = _Reader(cls).read(
        list(sys.argv[1:] if argv is None else argv), os.environ if environ is None else environ
    )
    return settings


def load_or_exit(cls: type[S], argv: Sequence[str] | None = None) -> S:
    """Return the settings, or say what is wrong with them and exit with 78 (EX_CONFIG)."""
    try:
        return load(cls, argv)
    except SettingsError as error:
        _exit(cls, str(error))


def _exit(cls: type[Settings], lines: str) -> NoReturn:
    for line in lines.splitlines():
        sys.stderr.write(f"fabric-{cls.service}: {line}\n")
    raise SystemExit(EX_CONFIG)


def _sections(field: FieldInfo) -> type[BaseModel] | None:
    """Return the table a field holds (`X` or `X | None`), if it holds one."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel) and get_origin(candidate) is None:
            return candidate if get_origin(field.annotation) not in {list, tuple, dict} else None
    return None


def leaves(cls: type[BaseModel], above: Key = ()) -> Iterator[tuple[Key, FieldInfo]]:
    """Yield every setting that holds a value, with its key."""
    for name, field in cls.model_fields.items():
        section = _sections(field)
        if section is None:
            yield (*above, name), field
        else:
            yield from leaves(section, (*above, name))


class _Reader:
    def __init__(self, cls: type[Settings]) -> None:
        self.cls = cls
        self.prefix = f"PRINTFABRIC_{cls.service.upper()}_"
        self.fields = dict(leaves(cls))
        self.values: dict[str, Any] = {}
        self.places: dict[Key, str] = {}

    def read(self, argv: list[str], environ: Mapping[str, str]) -> Any:
        flags = list(self._flags(argv))
        config = next((value for name, value in flags if name == "config"), environ.get("PRINTFABRIC_CONFIG"))
        secrets = next(
            (value for name, value in flags if name == "secrets-dir"), environ.get("PRINTFABRIC_SECRETS_DIR")
        )
        if config:
            self._read_file(Path(config))
        self._read_secrets(Path(secrets) if secrets else DEFAULT_SECRETS, wanted=bool(secrets))
        for name, text in sorted(environ.items()):
            # A list set by hand ends in a name; what a Service's link sets has no setting's name.
            if name.startswith(self.prefix):
                self._read_variable(name, text)
        seen: set[Key] = set()
        for name, text in flags:
            if name not in {"config", "secrets-dir"}:
                key = self._resolve(name.replace("-", "_").split("."), f"flag --{name}", "--{}")
                if self._is_secret(key, ""):
                    raise SettingsError(f"flag --{name}: all can read command lines; {self._otherwise(key)}")
                self._set(key, text, f"flag --{name}", more=key in seen)
                seen.add(key)
        try:
            return self.cls.model_validate(self.values)
        except ValidationError as error:
            raise SettingsError("\n".join(map(self._line, error.errors()))) from None

    def _flags(self, argv: list[str]) -> Iterator[tuple[str, str]]:
        rest = list(argv)
        while rest:
            flag = rest.pop(0)
            if flag in {"--help", "-h"}:
                sys.stdout.write(help_text(self.cls.service, self.prefix, self.cls, self.fields))
                raise SystemExit(0)
            if flag == "--version":
                sys.stdout.write(f"fabric-{self.cls.service} {version()}\n")
                raise SystemExit(0)
            if not flag.startswith("--") or len(flag) == 2:
                raise SettingsError(
                    f"command line: {flag!r} is not a flag; flags are --name value, see --help"
                )
            name, assigned, value = flag[2:].partition("=")
            if not assigned:
                if self._is_switch(name):
                    value = rest.pop(0) if rest and rest[0] in {"true", "false"} else "true"
                elif name.startswith("no-") and self._is_switch(name[3:]):
                    name, value = name[3:], "false"
                elif rest:
                    value = rest.pop(0)
                else:
                    raise SettingsError(f"flag --{name}: a value is missing")
            yield name, value

    def _is_switch(self, name: str) -> bool:
        matches = self._matches(name.replace("-", "_").split("."))
        return len(matches) == 1 and self.fields[matches[0]].annotation is bool

    def _matches(self, parts: Sequence[str]) -> list[Key]:
        """Return the settings whose key is `parts`, or else ends in them."""
        whole = tuple(parts)
        if whole in self.fields:
            return [whole]
        return [key for key in self.fields if key[-len(whole) :] == whole]

    def _resolve(self, parts: Sequence[str], place: str, spelling: str) -> Key:
        matches = self._matches(parts)
        if len(matches) == 1:
            return matches[0]
        if len(matches) > 1:
            candidates = ", ".join(spelling.format(_spell(key, spelling)) for key in matches)
            raise SettingsError(f"{place}: could be any of {candidates}")
        for cut in range(len(parts) - 1, 0, -1):  # an entry of a table of names: access.roles.viewer
            owners = [
                key for key in self._matches(parts[:cut]) if get_origin(self.fields[key].annotation) is dict
            ]
            if len(owners) == 1:
                return (*owners[0], *parts[cut:])
        names = {".".join(key): key for key in self.fields} | {key[-1]: key for key in self.fields}
        spelled = {name: spelling.format(_spell(key, spelling)) for name, key in names.items()}
        raise SettingsError(f"{place}: no such setting{_suggestion('.'.join(parts), spelled)}")

    def _read_file(self, path: Path) -> None:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"file {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"file {path}: not UTF-8 text") from None
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"file {path}: not TOML: {error}") from None
        self._merge(table, (), f"file {path}")

    def _merge(self, table: dict[str, Any], above: Key, place: str) -> None:
        for name, value in table.items():
            key = (*above, name)
            if isinstance(value, dict) and key not in self.fields:
                self.places[key] = place
                self._merge(value, key, place)
            else:
                self._put(key, value, place)

    def _read_secrets(self, folder: Path, *, wanted: bool) -> None:
        if not folder.is_dir():
            if wanted:
                raise SettingsError(f"secrets {folder}: no such directory")
            return
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or not path.is_file():  # ..data of a mounted Secret
                continue
            place = f"secret {path}"
            key = self._resolve(
                path.name.lower().replace("-", "_").replace("__", ".").split("."), place, "{}"
            )
            self._set(key, path.read_text(encoding="utf-8", errors="replace").strip("\r\n"), place)

    def _read_variable(self, name: str, text: str) -> None:
        place = f"environment variable {name}"
        try:
            key = self._resolve(name[len(self.prefix) :].lower().split("__"), place, self.prefix + "{}")
        except SettingsError:
            if _SERVICE_LINK.fullmatch(name[len(self.prefix) :]):
                return
            raise
        self._set(key, text, place)

    def _set(self, key: Key, text: str, place: str, *, more: bool = False) -> None:
        field = self.fields.get(key)
        value: Any = text
        plural = _holds_many(field.annotation) if field else key[:-1] in self.fields
        if text[:1] in {"[", "{"} and (plural or (field is not None and not _is_text(field.annotation))):
            try:
                value = json.loads(text)
            except ValueError:
                value = text
        if plural and isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if more and plural:
            value = [*self._get(key), *value]
        self._put(key, value, place)

    def _get(self, key: Key) -> Any:
        value: Any = self.values
        for name in key:
            value = value[name]
        return value

    def _put(self, key: Key, value: Any, place: str) -> None:
        table = self.values
        for name in key[:-1]:
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict):
                inner = table[name] = {}
            table = inner
        table[key[-1]] = value
        self.places[key] = place

    def _line(self, error: Any) -> str:
        key = tuple(str(part) for part in error["loc"])
        near = next((key[:cut] for cut in range(len(key), 0, -1) if key[:cut] in self.places), ())
        place = self.places.get(near, "settings")
        name = ".".join(key)
        if error["type"] == "extra_forbidden":
            depth = len(key) - 1
            siblings = [".".join(known[: depth + 1]) for known in self.fields if known[:depth] == key[:-1]]
            return f"{place}: {name}: no such setting{_suggestion(name, dict(zip(siblings, siblings, strict=True)))}"
        if error["type"] == "missing":
            return f"{place}: {name}: is required; {self._otherwise(key)} or --{name}"
        message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
        hidden = self._is_secret(key, place) or isinstance(error["input"], dict)
        got = "" if hidden else f": {error['input']!r}"
        field = next(
            (self.fields[key[:cut]] for cut in range(len(key), 0, -1) if key[:cut] in self.fields), None
        )
        about = f" ({field.description})" if field and field.description else ""
        return f"{place}: {name}{got}: {message}{about}"

    def _otherwise(self, key: Key) -> str:
        return f"set it in the file, as {self.prefix}{'__'.join(key).upper()}"

    def _is_secret(self, key: Key, place: str) -> bool:
        field = self.fields.get(key)
        return place.startswith("secret ") or (
            field is not None and SecretStr in (field.annotation, *get_args(field.annotation))
        )


def _spell(key: Key, spelling: str) -> str:
    """Return a key as the place it came from spells it: a variable, a flag, or the file."""
    if spelling.startswith("PRINTFABRIC"):
        return "__".join(key).upper()
    return ".".join(key).replace("_", "-") if spelling.startswith("--") else ".".join(key)


def _suggestion(wrong: str, known: Mapping[str, str]) -> str:
    """Say which of `known` (name: as it is spelled here) may have been meant."""
    import difflib  # noqa: PLC0415 - 0.2 MiB, for whoever misspells

    near = difflib.get_close_matches(wrong, known, 1, 0.6)
    if near:
        return f"; did you mean {known[near[0]]}?"
    return f"; known: {', '.join(known.values())}" if len(known) <= 12 else "; see --help"


def _holds_many(annotation: Any) -> bool:
    return any(
        get_origin(part) in {list, tuple, set, frozenset} for part in (annotation, *get_args(annotation))
    )


def _is_text(annotation: Any) -> bool:
    return str in (annotation, *get_args(annotation))
