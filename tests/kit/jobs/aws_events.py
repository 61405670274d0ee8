"""Events of AWS as its documentation shows them."""

from typing import Any

ACCOUNT = "123456789012"

OBJECT_CREATED: dict[str, Any] = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "111122223333",
    "time": "2021-11-12T00:00:00Z",
    "region": "ca-central-1",
    "resources": ["arn:aws:s3:::my-app-prod-uploads"],
    "detail": {
        "version": "0",
        "bucket": {"name": "my-app-prod-uploads"},
        "object": {
            "key": "photos/my cat.jpg",
            "size": 5,
            "etag": "b1946ac92492d2347c6235b4d2611184",
            "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
            "sequencer": "617f08299329d189",
        },
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "source-ip-address": "1.2.3.4",
        "reason": "PutObject",
    },
}
"""With another bucket and key. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""

INSTANCE_TERMINATED: dict[str, Any] = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "111122223333",
    "time": "2017-12-22T18:43:48Z",
    "region": "us-west-1",
    "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
    "detail": {"instance-id": "i-1234567890abcdef0", "state": "terminated"},
}
"""Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html"""

NOTIFICATION: dict[str, Any] = {
    "Type": "Notification",
    "MessageId": "63a3f6b6-d533-4a47-aef9-fcf5cf758c76",
    "TopicArn": "arn:aws:sns:us-west-2:123456789012:my-app-prod-orders",
    "Subject": "Testing publish to subscribed queues",
    "Message": "Hello world!",
    "Timestamp": "2012-03-29T05:12:16.901Z",
    "SignatureVersion": "1",
    "Signature": "EXAMPLEnTrFPa3…",
    "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
    "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-west-2:"
    "123456789012:MyTopic:c7fe3a54-ab0e-4ec2-88e0-db410a0f2bee",
}
"""With another topic. Source: https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html"""

RECORDS: list[dict[str, Any]] = [
    {
        "eventID": "1",
        "eventVersion": "1.0",
        "dynamodb": {
            "Keys": {"Id": {"N": "101"}},
            "NewImage": {"Message": {"S": "New item!"}, "Id": {"N": "101"}},
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            "SequenceNumber": "111",
            "SizeBytes": 26,
        },
        "awsRegion": "us-west-2",
        "eventName": "INSERT",
        "eventSourceARN": "arn:aws:dynamodb:us-west-2:123456789012:table/my-app-prod-orders/stream/2024-06-10T19:26:16.525",
        "eventSource": "aws:dynamodb",
    },
    {
        "eventID": "2",
        "eventVersion": "1.0",
        "dynamodb": {
            "OldImage": {"Message": {"S": "New item!"}, "Id": {"N": "101"}},
            "SequenceNumber": "222",
            "Keys": {"Id": {"N": "101"}},
            "SizeBytes": 59,
            "NewImage": {"Message": {"S": "This item has changed"}, "Id": {"N": "101"}},
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "awsRegion": "us-west-2",
        "eventName": "MODIFY",
        "eventSourceARN": "arn:aws:dynamodb:us-west-2:123456789012:table/my-app-prod-orders/stream/2024-06-10T19:26:16.525",
        "eventSource": "aws:dynamodb",
    },
]
"""With another table. Source: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
