"""The steps from an empty database to that of today."""
