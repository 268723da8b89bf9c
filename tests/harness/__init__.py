"""What the tests from outside share: the broker as a process, a Kafka client of their own, and how a check is reported."""
