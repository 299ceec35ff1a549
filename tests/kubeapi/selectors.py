"""Label and field selectors, as lists and watches take them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.kubeapi.status import Object, bad_request

_FIELDS = {"metadata.name", "metadata.namespace", "type", "involvedObject.name", "status.phase"}
_SET = re.compile(r"(!?)\s*([\w./-]+)\s*(?:(in|notin)\s*\(([^)]*)\))?")


@dataclass(frozen=True, slots=True)
class Selector:
    """Both selectors of a request; empty ones take everything."""

    labels: str = ""
    fields: str = ""

    def takes(self, one: Object) -> bool:
        """Return whether an object is selected. Raises StatusError 400 for what cannot be read."""
        labels = one["metadata"].get("labels") or {}
        return all(_takes(labels, term) for term in re.split(r",(?![^(]*\))", self.labels) if term) and all(
            _takes_field(one, term) for term in self.fields.split(",") if term
        )


def _takes(labels: dict[str, str], term: str) -> bool:
    if "=" in term:
        name, _, value = term.partition("=")
        if name.endswith("!"):
            return labels.get(name[:-1].strip()) != value.strip()
        return labels.get(name.strip()) == value.lstrip("=").strip()
    found = _SET.fullmatch(term.strip())
    if found is None:
        raise bad_request(f"unable to parse requirement: {term}")
    absent, name, how, values = found.groups()
    if how:
        return (labels.get(name) in {value.strip() for value in values.split(",")}) == (how == "in")
    return (name in labels) != bool(absent)


def _takes_field(one: Object, term: str) -> bool:
    name, _, value = term.partition("=")
    wanted = not name.endswith("!")
    name, value = name.rstrip("!"), value.lstrip("=")
    if name not in _FIELDS:
        raise bad_request(f"field label not supported: {name}")
    here: object = one
    for part in name.split("."):
        here = here.get(part) if isinstance(here, dict) else None
    return (here == value) == wanted
