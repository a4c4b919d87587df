"""What one would take instead of this retriever, on the same passages and questions in the same run."""
