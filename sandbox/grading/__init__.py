"""Exercises: their format, the grader and the verifier. ``check.py`` files import from here."""

from __future__ import annotations

from sandbox.grading.model import CannotTell, Mismatch, Missing, Outcome, check

__all__ = ["CannotTell", "Mismatch", "Missing", "Outcome", "check"]
