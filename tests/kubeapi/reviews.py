"""Questions that leave no object behind: whose token is this, and may they do that."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field

from tests.kubeapi.kinds import Kind
from tests.kubeapi.status import Object


@dataclass
class Reviews:
    """What the test has said about tokens and rights."""

    tokens: dict[str, Object] = field(default_factory=dict)  # by token: its "user" and "audiences"
    # Who (a user or a group), the verb, the kind as `plural.group`, and which object, "*" for all.
    rights: set[tuple[str, str, str, str]] = field(default_factory=set)
    _made: int = 0  # tokens

    def pods_token(
        self,
        account: str,
        audience: str,
        *,
        node: str = "edge-7",
        lives_s: int = 3600,
        known: bool = True,
    ) -> str:
        """Make a token of a service account (`print/portmon`), bound to a pod on a node.

        node: empty: the server does not tell, as those before Kubernetes 1.30.
        known: the server proves it.
        """
        self._made += 1
        claims = {
            "aud": [audience], "exp": int(time.time()) + lives_s, "kubernetes.io": {}, "n": self._made, "sub": account,
        }  # fmt: skip
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        token = f"e30.{payload}.c2lnbmF0dXJl{self._made:08d}"
        namespace, name = account.split("/")
        if known:
            extra = {"authentication.kubernetes.io/pod-name": [f"{name}-{self._made}"]}
            if node:
                extra["authentication.kubernetes.io/node-name"] = [node]
            self.tokens[token] = {
                "user": {
                    "username": f"system:serviceaccount:{namespace}:{name}",
                    "groups": [f"system:serviceaccounts:{namespace}"],
                    "extra": extra,
                },
                "audiences": [audience],
            }
        return token

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
