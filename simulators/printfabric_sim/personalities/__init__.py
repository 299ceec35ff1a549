"""The printer languages that come with the simulators; every module here is one personality, found by scanning."""
