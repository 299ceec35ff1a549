"""The plugs of a simulated printer; every module here is one kind of connection."""
