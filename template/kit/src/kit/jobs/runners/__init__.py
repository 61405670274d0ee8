"""What runs jobs: a worker process, Lambda, or a Fargate task."""
