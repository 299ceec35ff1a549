"""How a database of an older version becomes one of this version: one module per step, run at each start."""
