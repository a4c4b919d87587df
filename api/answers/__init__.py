"""From hits to an answer: what a question needs, which sentences give it, how sure that is."""
