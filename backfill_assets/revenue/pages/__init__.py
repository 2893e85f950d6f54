"""What people read: self-contained pages, workbooks and prints, always in line with the ledger and the tables."""
