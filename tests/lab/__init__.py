"""The laboratory: a database, spoolers that share it, hosts with simulated printers, and a network that breaks."""
