"""The optional LLM judge: asks any compatible endpoint about what the offline rungs leave open."""
