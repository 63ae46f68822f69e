"""The columnar tables: spans, contents, evaluations, trace facts, findings."""
