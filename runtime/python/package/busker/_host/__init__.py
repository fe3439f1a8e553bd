"""The worker process: what runs services on behalf of a node.

Where to start: ``worker.py`` (life of the process), ``scheduler.py`` (who runs a request and where),
``invoke.py`` (one request), ``loader.py`` (from files to services). ``protocol.py`` is the only file that knows
the bytes on the socket. Nothing here is an interface for services: they use ``busker`` or ``zato.server.service``.
"""
