"""Running the app on AWS Lambda."""
