"""Public sets of human and judge verdicts, read from the files their authors published."""
