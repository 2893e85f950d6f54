"""What a lake far larger than this machine takes: measured constants, what follows of them, simulated waves."""
