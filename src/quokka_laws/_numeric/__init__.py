"""Numerical helpers that several rooms need and that know nothing of laws or runs."""
