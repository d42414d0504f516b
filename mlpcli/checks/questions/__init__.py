"""The questions of the workbooks, and judging a learner's answers by their value."""
