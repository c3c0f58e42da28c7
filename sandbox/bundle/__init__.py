"""Bundles: one file with all that a machine without a network needs to run the sandbox.

A bundle is a plain tar, so that a machine which has nothing yet can open it with ``tar``: README.txt says
how to begin there, ``manifest.json`` what is in it (:mod:`.contents`), then come the engines' files, the
wheels of the project itself and images, and at the end ``SHA256SUMS``, which shows that nothing was cut off.

:func:`.create.create` writes one, :func:`.verify.verify` checks every byte of it, :func:`.load.load` brings
it into the cache of this machine.
"""
