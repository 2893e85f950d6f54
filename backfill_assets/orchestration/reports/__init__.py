"""Reports: which partitions some days reach, freezing them, and of which days they were built."""
