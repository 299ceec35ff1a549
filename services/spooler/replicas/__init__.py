"""Several spoolers on one store: each printer has one owner, and everybody knows everything. See decision 0032."""
