"""The machine that looks for trouble, in numbers: histories, faults, power cuts, kills, hostile input."""
