"""The testing kit that users get."""
