"""A printer's rules in words: which port takes a job, and what happens when something does not go well. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `choices` are (value, what it means), the first of them what holds when nothing is said."""

    name: str  # the field's, in the contract and in model.Printer
    title: str
    choices: tuple[tuple[str, str], ...]

    @property
    def default(self) -> str:
        """The value that counts when none is set."""
        return self.choices[0][0]

    def meaning(self, value: str) -> str:
        """Return what a value means; a value that is not known here is shown as it is."""
        return dict(self.choices).get(value, value)

    def offered(self, value: str) -> tuple[tuple[str, str], ...]:
        """Return the choices of a printer that has `value` now: what is not known here can be kept."""
        return self.choices if value in dict(self.choices) else (*self.choices, (value, value))


ON_UNCERTAIN = Rule(
    "on_uncertain",
    "When nobody knows what came out",
    (
        ("hold", "a person decides"),
        ("skip", "it counts as printed"),
        ("reprint marked", "it prints again, marked as a possible duplicate"),
    ),
)
POOL_ORDER = Rule(
    "pool_order",
    "A job goes to",
    (
        ("first available", "the first port that is free"),
        ("round robin", "its ports in turn"),
        ("least loaded", "the port that has done least"),
    ),
)
REDIRECT = Rule(
    "redirect",
    "When a port fails in the middle of a job",
    (("wait", "the job waits for it"), ("redirect now", "what is proven unprinted goes to another port")),
)
PREFETCH = Rule(
    "prefetch",
    "Documents are brought to the host",
    (
        ("auto", "whole before they begin, if large"),
        ("always", "whole before they begin, always"),
        ("never", "while they print"),
    ),
)
ON_HOST_RESTART = Rule(
    "on_host_restart",
    "When the host restarts while cut off",
    (("finish", "it prints what it was told to print"), ("hold", "it waits for the spooler")),
)
RULES = (ON_UNCERTAIN, POOL_ORDER, REDIRECT, PREFETCH, ON_HOST_RESTART)
