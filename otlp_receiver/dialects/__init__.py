"""What each GenAI library writes, and how it becomes the product's canonical columns."""
