"""Every refusal, by what it is about. Each class writes its own sentences."""
