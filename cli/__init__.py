"""The spandocket command: the composition root of the rooms."""
