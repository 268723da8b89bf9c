"""Parts of run.py, the client suite's runner."""
