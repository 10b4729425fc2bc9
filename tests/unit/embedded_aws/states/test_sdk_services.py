"""What a client of botocore refuses, in Step Functions' words."""

from __future__ import annotations

import pytest
from botocore.exceptions import ParamValidationError
from botocore.validate import validate_parameters

from embedded_aws.states.interpret.sdk_services import parameter_faults
from embedded_aws.wire import service_model

MISSING = "The field 'TableName' is required but was missing"


@pytest.mark.parametrize(
    ("parameters", "faults"),
    [
        ({"Item": {}}, MISSING),
        ({"TableName": "t", "Item": {}, "Nope": 1}, "The field 'Nope' is not supported by Step Functions"),
        ({"TableName": 1, "Item": {}}, "The value for the field 'TableName' is not valid"),
        ({"TableName": "t", "Item": {"a": {"N": 1}}}, "The value for the field 'Item.a.N' is not valid"),
        ({"Item": []}, f"{MISSING}, The value for the field 'Item' is not valid"),
    ],
)
def test_a_clients_refusal_is_told_without_its_types(parameters: dict[str, object], faults: str) -> None:
    """Each field of a DynamoDB PutItem, by name."""
    with pytest.raises(ParamValidationError) as refused:
        validate_parameters(parameters, service_model("dynamodb").operation_model("PutItem").input_shape)
    assert parameter_faults(refused.value) == faults
