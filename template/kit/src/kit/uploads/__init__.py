"""Files that browsers upload: straight to an S3 bucket, or on a laptop to a folder. See kit/docs/guides/uploads.md.

A browser sends a file with a form that the app signs, and which names its key, type and largest size. So a file never
goes through a Lambda function, whose requests have at most 6 MB.
"""

from pathlib import Path

from kit.settings import PROJECT
from kit.uploads.bucket import Bucket
from kit.uploads.folder import Folder
from kit.uploads.form import Form
from kit.uploads.keys import NotUploaded

__all__ = ["Bucket", "Folder", "Form", "NotUploaded", "storage"]


def storage(bucket: str, *, path: str = "/uploads", folder: Path = PROJECT / "data" / "uploads") -> Bucket | Folder:
    """Return the storage of uploads: the bucket, or the folder if `bucket` is empty, as on a laptop and in tests.

    path: where the app has mounted it, `Mount("/uploads", uploads)`; the folder needs that, a bucket doesn't.

    Example: `uploads = storage(os.environ.get("UPLOADS_BUCKET", ""))`
    """
    return Bucket(bucket) if bucket else Folder(folder, path)
