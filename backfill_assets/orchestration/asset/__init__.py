"""A correctable table as two assets with one compute function: live, staged, guard and IO manager."""
