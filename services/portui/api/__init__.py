"""The service's gRPC side; nothing else here sees its contract."""
