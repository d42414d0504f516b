"""The forms in which data sets are handed around: one module each, behind `form.Format`."""
