"""The workbook's statements, and how both sides of each are measured."""
