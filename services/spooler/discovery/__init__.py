"""Where port monitors are, told by a cluster: found, moved. Without a cluster the hosts of the settings are all there are.

The cluster is asked where hosts are and nothing else; while it is away, printing goes on with what is known.
"""
