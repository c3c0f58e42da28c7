"""Engines that run already and are not ours: a team's server, LocalStack, AWS itself."""
