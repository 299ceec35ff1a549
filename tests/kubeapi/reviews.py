"""Questions that leave no object behind: whose token is this, and may they do that."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.kubeapi.kinds import Kind
from tests.kubeapi.status import Object


@dataclass
class Reviews:
    """What the test has said about tokens and rights."""

    tokens: dict[str, Object] = field(default_factory=dict)  # by token: its "user" and "audiences"
    # Who (a user or a group), the verb, the kind as `plural.group`, and which object, "*" for all.
    rights: set[tuple[str, str, str, str]] = field(default_factory=set)

    def answer(self, kind: Kind, question: Object) -> Object | None:
        """Return the answered review; None for a kind that is kept."""
        if kind.kind == "TokenReview":
            return {**question, "status": self._token(question.get("spec", {}))}
        if kind.kind == "SubjectAccessReview":
            return {**question, "status": self._access(question.get("spec", {}))}
        return None

    def _token(self, spec: Object) -> Object:
        known = self.tokens.get(spec.get("token", ""))
        asked = spec.get("audiences") or []
        if known is None:
            return {"authenticated": False, "error": "token is unknown"}
        common = [one for one in asked if one in known["audiences"]]
        if asked and not common:
            return {"authenticated": False, "error": f"token audiences {known['audiences']} is invalid"}
        return {"authenticated": True, "user": known["user"], "audiences": common or known["audiences"]}

    def _access(self, spec: Object) -> Object:
        what = spec.get("resourceAttributes") or {}
        resource = f"{what.get('resource', '')}.{what.get('group', '')}".rstrip(".")
        names = {what.get("name") or "*", "*"}
        allowed = any(
            (who, what.get("verb", ""), resource, name) in self.rights
            for who in (spec.get("user", ""), *(spec.get("groups") or ()))
            for name in names
        )
        return {"allowed": allowed, **({} if allowed else {"reason": "no rule allows it"})}
