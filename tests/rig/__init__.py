"""What fault and fabric tests are made of: programs as real processes, receivers, documents, a proxy that cuts."""
