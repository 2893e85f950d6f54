"""The reconciliation page: one self-contained HTML file a correction, for those who approve and those who audit."""
