"""The observation types, the bundle, and redaction. Pure: no socket, no file, no clock."""
