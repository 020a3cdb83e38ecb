"""Find out why a Redis connection fails."""
__version__ = "0.1.0"
