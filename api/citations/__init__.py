"""Quotes: proved character by character, and looked up."""
