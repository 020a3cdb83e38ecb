"""Codecs for bytes from outside. Pure: bytes in, values out; no socket, no file, no clock."""
