"""Where messages wait: in the app's own database, or in SQS."""
