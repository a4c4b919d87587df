"""Evaluation: runs over questions with evidence, metrics with intervals, comparison, report, gate."""
