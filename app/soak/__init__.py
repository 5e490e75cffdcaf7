"""Kill tests in full counts: processes are killed at random points, then what they left is compared with what must be."""
