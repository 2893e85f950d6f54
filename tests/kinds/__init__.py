"""One module a kind of fault: its cases in a table, so that the next case is one line."""
