"""What a correction costs, beside the floor and beside peers, each figure from alternating rounds of one run."""
