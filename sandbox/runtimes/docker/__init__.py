"""The Docker runtime: engines as containers of official images, by ``compose/<engine>.yaml``."""
