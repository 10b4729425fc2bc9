"""Packages the project for AWS: the Lambda zip and the CloudFormation template."""
