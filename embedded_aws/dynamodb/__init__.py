"""Amazon DynamoDB for the tables that outlive the process: items in a file of the state folder."""

from embedded_aws.dynamodb.service import TableService
from embedded_aws.dynamodb.tables import Table, Tables

__all__ = ["Table", "TableService", "Tables"]
