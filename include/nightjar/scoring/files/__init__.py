"""Scores the rows of a CSV file into another one or a table, for people without a database of their own."""

from nightjar.scoring.files.score import FileScores, score_file
from nightjar.scoring.files.targets import FileTarget, TableTarget, Target

__all__ = ["FileScores", "FileTarget", "TableTarget", "Target", "score_file"]
