"""A seeded campaign of faults against a whole fabric, judged by the printers' own records: `make faults`."""
