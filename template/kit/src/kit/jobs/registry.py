"""Every job and schedule that has been imported, by name."""

from kit.jobs.spec import JobSpec, Schedule

jobs: dict[str, JobSpec] = {}
schedules: dict[str, Schedule] = {}
