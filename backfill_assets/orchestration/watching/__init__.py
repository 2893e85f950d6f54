"""What looks for wrong days without being asked: audit, reconciliation, freshness, maintenance."""
