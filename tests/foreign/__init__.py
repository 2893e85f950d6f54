"""Code locations in the shapes of public projects, as they were before this package, and adopted by a few lines."""
