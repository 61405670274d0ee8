"""Where messages wait: the app's own database, or SQS."""
