"""Results → text, JSON, or the commands that mean the same: `output_formats` has the table."""
