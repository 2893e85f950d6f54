"""What a correction is: values and pure functions, without clock, input or output."""
