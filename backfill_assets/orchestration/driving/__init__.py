"""Taking open corrections forward: by a sensor, or in this process."""
