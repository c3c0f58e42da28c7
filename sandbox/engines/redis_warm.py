"""Imported beforehand where answers start as forks: does once for all of them what the driver does anew for
each connection, which is to read its own metadata, to tell the server its version (3 ms)."""

from __future__ import annotations

import functools

import redis.utils

redis.utils.get_lib_version = functools.cache(redis.utils.get_lib_version)
redis.utils.get_lib_version()
