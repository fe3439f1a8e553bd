"""See ``zato.server.service``."""
