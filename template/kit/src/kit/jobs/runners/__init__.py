"""What runs jobs: Lambda, a Fargate task, or a local worker process."""
