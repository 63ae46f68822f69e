"""How far an evaluator agrees with people: figures, intervals, and what to label next."""
