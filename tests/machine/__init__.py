"""A state machine over one small lake: whatever happens, in any order, live is what a model of ten lines says."""
