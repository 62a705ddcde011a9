"""Arguments in, text and exit codes out; whatever a command needs is imported when it runs."""
