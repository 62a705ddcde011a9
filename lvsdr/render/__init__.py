"""Plans, status and findings → text, JSON, or the commands that mean the same."""
