"""What turns the project into something AWS can run: the Lambda zip and the CloudFormation template."""
