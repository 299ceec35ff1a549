"""A small Kubernetes API server for tests: real HTTP, resource versions, watches and their faults. Never shipped."""
