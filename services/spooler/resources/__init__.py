"""Custom resources of a cluster: `Printer` and `PrinterPort` declare printers and ports. One way: nothing is written into a `spec`.

One spooler of those on a store does it. While the cluster is away, printing goes on with what was declared.
"""
