"""Who may do what: every IAM policy of the packaged template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from stepguard.aws.evaluations import WORK
from stepguard.guard.stream.frames import ROUTES
from stepguard.guard.stream.listeners import Mode
from stepguard.session.embedded import WEBSOCKET_API
from tests.packaging.conftest import Built
from tests.packaging.expected.actions import ACTIONS

"""Everything that any role of the stack may do."""

PARTS = ("RewriteQuestion", "GuardRewrite", "FindAnswer", "RetrievePassages", "GuardPassages")
CALLED = ("GuardInput", *PARTS, "InvokeModel", "GuardAnswer")
LAMBDAS = (
    "ApiHandler",
    *CALLED,
    "PrepareCorpus",
    "SummarizeCorpus",
    "Stream",
    "NotifyListener",
    "JudgeShadow",
    "SelectReview",
    "ExportTrace",
)
_STATES = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:"
_EXECUTIONS = f"{_STATES}execution:"
_SETTINGS = _STATES.replace("states", "appconfig") + (
    "application/${SettingsApplication}/environment/*/configuration/${SettingsProfile}"
)
_PROFILES = "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:guardrail-profile/*"
_CONNECTIONS = (
    "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${StreamApi}/live/POST/@connections/*"
)
_GUARDRAILS = "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:guardrail/"

STAGES_OF = {
    "ChatStateMachineRole": CALLED,
    "EvaluateStateMachineRole": (*CALLED, "PrepareCorpus", "SummarizeCorpus"),
    "AfterStateMachineRole": ("NotifyListener", "JudgeShadow", "SelectReview", "ExportTrace"),
}
"""The Lambdas that each state machine calls."""
EXPLAINED = {
    **{
        (f"{name}Role", sid, "*"): reason
        for name in ("ChatStateMachine", "EvaluateStateMachine", "AfterStateMachine", "ReviewStateMachine")
        for sid, reason in (
            ("DeliverLogs", "AWS: these actions know no resource (Step Functions guide, cw-logs)"),
            ("WriteTraces", "AWS: X-Ray knows no resource for these actions"),
        )
    },
    **{
        (f"{name}Role", "UseNetworkInterfaces", "*"): "AWS: the interfaces do not exist before; only in a VPC"
        for name in LAMBDAS
    },
    **{
        (f"{role}Role", "ApplyOwnGuardrail", _PROFILES): (
            "a guardrail with a profile is applied in any Region of the profile; alone it applies no guardrail"
        )
        for role in ("GuardInput", "GuardRewrite", "RewriteQuestion", "GuardPassages", "InvokeModel", "GuardAnswer")
    },
    ("ApiHandlerRole", "GuardReasons", _PROFILES): (
        "a guardrail with a profile is applied in any Region of the profile; alone it applies no guardrail"
    ),
    **{
        (f"{name}Role", "PostFrames", _CONNECTIONS): "the connections of one WebSocket API; API Gateway makes their ids"
        for name in (*CALLED, "Stream", "NotifyListener")
    },
    **{
        (f"{name}Role", "ReadChats", _EXECUTIONS + "${ChatStateMachine.Name}:*"): (
            "the executions of this one state machine; their names are made at run time"
        )
        for name in ("Stream", "NotifyListener")
    },
    **{
        (f"{name}Role", "ReadEndedChats", _EXECUTIONS + "${ChatStateMachine.Name}:*"): "as above"
        for name in ("JudgeShadow", "SelectReview", "ExportTrace")
    },
    ("ExportTraceRole", "NameGuardrails", _GUARDRAILS + "*"): "reads the names of guardrails",
    ("JudgeShadowRole", "ApplyOwnGuardrails", _PROFILES): "the profiles of guardrails that judge in several Regions",
    ("InvokeModelRole", "JudgePieces", _PROFILES): (
        "a guardrail with a profile is applied in any Region of the profile; alone it applies no guardrail"
    ),
    ("InvokeModelRole", "AnswerFromKnowledgeBase", "*"): (
        "AWS: RetrieveAndGenerate knows no resource; only with LLM_API=RETRIEVE_AND_GENERATE"
    ),
    (
        "FindAnswerRole",
        "ReadCuratedAnswers",
        "${AnswerBankBucket.Arn}/answers/*",
    ): "the versions of the curated answers",
    ("KnowledgeRole", "ReadDocuments", "${KnowledgeBucket.Arn}/documents/*"): "the documents that it ingests",
    ("RetrievePassagesRole", "RankPassages", "*"): "AWS: Rerank knows no resource; only with a reranking model",
    ("GuardInputRole", "ReadSettings", _SETTINGS): "this stack's application, which has one environment",
    ("ApiHandlerRole", "ReadSettings", _SETTINGS): "as above",
    ("StreamRole", "ReadSettings", _SETTINGS): "as above",
    ("NotifyListenerRole", "ReadSettings", _SETTINGS): "as above",
    ("SettingsAlarmRole", "WatchAlarms", _STATES.replace("states", "cloudwatch") + "alarm:*"): "reads states of alarms",
    ("ApiHandlerRole", "ReadChats", _EXECUTIONS + "${ChatStateMachine.Name}:*"): (
        "the executions of this one state machine; their names are made at run time"
    ),
    ("ApiHandlerRole", "StopAndRedriveChats", _EXECUTIONS + "${ChatStateMachine.Name}:*"): "as above",
    ("ApiHandlerRole", "NameGuardrails", _GUARDRAILS + "*"): (
        "reads the names of guardrails; a history may name any version of any guardrail of the account"
    ),
    ("ApiHandlerRole", "FollowEvaluations", _EXECUTIONS + "${EvaluateStateMachine.Name}:*"): (
        "the runs of this one state machine; their names are made at run time"
    ),
    ("ApiHandlerRole", "CountItems", _STATES + "mapRun:${EvaluateStateMachine.Name}/Items:*"): (
        "the Map Runs of its one Distributed Map; Step Functions makes their names"
    ),
    ("ApiHandlerRole", "ReadItems", _EXECUTIONS + "${EvaluateStateMachine.Name}/Items:*"): (
        "the children of its one Distributed Map; Step Functions makes their names"
    ),
    (
        "ApiHandlerRole",
        "ReadResults",
        "${ResultsBucket.Arn}/runs/*",
    ): "what the runs left in one of the stack's buckets",
    (
        "ApiHandlerRole",
        "LinkToDocuments",
        "${KnowledgeBucket.Arn}/documents/*",
    ): "the documents that answers cite; a link is signed with this role",
    ("EvaluateStateMachineRole", "FollowChildren", _EXECUTIONS + "${EvaluateStateMachine.Name}/*"): (
        "the Map's own children; their names are made at run time"
    ),
    **{
        (role, "InvokeModelBehindProfile", "arn:${AWS::Partition}:bedrock:*::foundation-model/${FoundationModelId}"): (
            "one model in every region, because the inference profile chooses the region; only through that profile"
        )
        for role in ("InvokeModelRole", "RewriteQuestionRole")
    },
    **{
        (f"{role}Role", sid, f"${{{bucket}.Arn}}/*"): "the objects of one of the stack's buckets"
        for role, sid, bucket in (
            ("PrepareCorpus", "ReadEvaluations", "CorpusBucket"),
            ("PrepareCorpus", "ReadEvaluations", "ResultsBucket"),
            ("PrepareCorpus", "WriteEvaluations", "ResultsBucket"),
            ("SummarizeCorpus", "ReadEvaluations", "ResultsBucket"),
            ("SummarizeCorpus", "WriteEvaluations", "ResultsBucket"),
            ("EvaluateStateMachine", "ReadItemsAndWriteResults", "ResultsBucket"),
        )
    },
} | {
    (
        role,
        "InvokeParts" if function in PARTS else "InvokeStages",
        f"${{{function}.Arn}}:*",
    ): "the function's published versions, which have numbers"
    for role, functions in STAGES_OF.items()
    for function in functions
}
"""The wildcards, each with its reason."""


def statements(built: Built) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every role, whichever branch of a condition it stands in, and wherever its policy stands."""
    policies = [
        (role, policy)
        for role, item in built.resources("AWS::IAM::Role").items()
        for policy in item.get("Policies", ())
    ]
    policies += [(item["RoleName"]["Ref"], item) for item in built.resources("AWS::IAM::RolePolicy").values()]
    policies += [(role["Ref"], item) for item in built.resources("AWS::IAM::Policy").values() for role in item["Roles"]]
    for role, policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            for branch in statement["Fn::If"][1:] if "Fn::If" in statement else [statement]:
                if branch != {"Ref": "AWS::NoValue"}:
                    yield role, branch


def resources(value: Any) -> Iterator[str]:
    """The texts in a statement's Resource; a reference to one resource of the stack is given as its logical id."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from resources(item)
    elif "Fn::If" in value:
        yield from resources(value["Fn::If"][1:])
    elif "Fn::Sub" in value:
        yield value["Fn::Sub"]
    elif "Fn::GetAtt" in value:
        yield ".".join(value["Fn::GetAtt"])
    else:
        yield value["Ref"]


def _actions(statement: dict[str, Any]) -> list[str]:
    named = statement["Action"]
    return [named] if isinstance(named, str) else list(named)


def test_each_role_may_do_exactly_this(built: Built) -> None:
    """No action beyond the table, none with a wildcard, and nothing denied that would hide a grant."""
    granted: dict[str, set[str]] = {}
    for role, statement in statements(built):
        assert statement["Effect"] == "Allow"
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        granted.setdefault(role, set()).update(_actions(statement))
    assert granted == ACTIONS
    assert not [action for actions in granted.values() for action in actions if "*" in action]


def test_every_wildcard_resource_is_explained(built: Built) -> None:
    """A resource with a wildcard is on the short list with its reason, and the list holds nothing else."""
    found = {
        (role, statement["Sid"], text)
        for role, statement in statements(built)
        for text in resources(statement["Resource"])
        if "*" in text
    }
    assert found == set(EXPLAINED)


def test_the_api_follows_the_evaluations_only(built: Built) -> None:
    """Each call of the evaluations API is allowed on what it names: state machine, runs, Map Runs, items, results.

    Which action knows which resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
    """
    definitions = built.resources("AWS::StepFunctions::StateMachine")["EvaluateStateMachine"]["Definition"]["Fn::If"][
        1:
    ]
    labels = [state["Label"] for machine in definitions for state in machine["States"].values() if "Label" in state]
    (label,) = set(labels)
    machine = "${EvaluateStateMachine.Name}"
    allowed = {
        text: set(statement["Action"])
        for role, statement in statements(built)
        if role == "ApiHandlerRole"
        for text in resources(statement["Resource"])
        if "Evaluate" in text or ("Bucket" in text and statement["Sid"] != "LinkToDocuments")
    }
    assert allowed == {
        "EvaluateStateMachine": {"states:ListExecutions", "states:StartExecution"},
        f"{_EXECUTIONS}{machine}:*": {
            "states:DescribeExecution",
            "states:DescribeStateMachineForExecution",  # the graph of an item, as its run's definition had it
            "states:ListMapRuns",
        },
        f"{_STATES}mapRun:{machine}/{label}:*": {"states:DescribeMapRun"},
        f"{_EXECUTIONS}{machine}/{label}:*": {"states:DescribeExecution", "states:GetExecutionHistory"},
        "ResultsBucket.Arn": {"s3:ListBucket"},
        f"${{ResultsBucket.Arn}}/{WORK}/*": {"s3:GetObject"},
    }


PROFILE = {
    "StringEquals": {
        "bedrock:InferenceProfileArn": {
            "Fn::Sub": "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:inference-profile/${ModelId}"
        }
    }
}


def test_a_bedrock_model_is_called_only_with_our_guardrail(built: Built) -> None:
    """While the model layer is on, IAM refuses a call without its guardrail, in whatever way the model is reached.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html
    """
    own = {"FindAnswerRole", "RetrievePassagesRole", "KnowledgeRole"}  # rankers and embedders, which take no guardrail
    invoking = [item for role, item in statements(built) if "bedrock:InvokeModel" in item["Action"] and role not in own]
    assert len(invoking) == 9
    for statement in invoking:
        condition, guarded, otherwise = statement["Condition"]["Fn::If"]
        through: dict[str, Any] = PROFILE if statement["Sid"] == "InvokeModelBehindProfile" else {}
        assert condition == "ModelLayerOn"
        assert otherwise == (through or {"Ref": "AWS::NoValue"})
        assert {key: value for key, value in guarded.items() if key != "StringLike"} == through
        (value,) = guarded["StringLike"].values()
        assert list(guarded["StringLike"]) == ["bedrock:GuardrailIdentifier"]
        assert value == invoking[0]["Condition"]["Fn::If"][1]["StringLike"]["bedrock:GuardrailIdentifier"]
    text, parts = value["Fn::Split"][1]["Fn::Sub"]
    created, given = parts["Own"]["Fn::If"][1:]
    version = created["Fn::Sub"][1]["Version"]["Fn::GetAtt"]
    assert (value["Fn::Split"][0], text) == (",", "${Own}${Others}")
    assert created["Fn::Sub"][0] == "${GuardrailModel.GuardrailArn}:${Version}"
    assert version[0].startswith("GuardrailModelVersion")
    assert version[0] in built.template["Resources"]
    assert given["Fn::Sub"][0].endswith(":guardrail/${BedrockGuardrailIdentifier}${Version}")
    assert given["Fn::Sub"][1]["Version"]["Fn::If"] == [
        "ModelGuardrailIsDraft",
        "",
        {"Fn::Sub": ":${BedrockGuardrailVersion}"},
    ]
    assert parts["Others"]["Fn::If"][0] == "OtherGuardrailsAllowed"


def test_each_lambda_has_its_own_role_and_log_group(built: Built) -> None:
    """No two Lambdas share a role, no role has a managed policy, and each writes only its own log."""
    lambdas = built.resources("AWS::Serverless::Function")
    roles = {name: item["Role"]["Fn::GetAtt"][0] for name, item in lambdas.items()}
    assert len(set(roles.values())) == len(lambdas)
    assert not [role for role in built.resources("AWS::IAM::Role").values() if "ManagedPolicyArns" in role]
    written = {
        role: list(resources(statement["Resource"]))
        for role, statement in statements(built)
        if "logs:PutLogEvents" in statement["Action"]
    }
    assert written == {
        roles[name]: [f"{item['LoggingConfig']['LogGroup']['Ref']}.Arn"] for name, item in lambdas.items()
    }


def test_the_state_machine_writes_to_its_table_only(built: Built) -> None:
    """RecordAnswer and its siblings update rows of the table of answers; nobody may read the table but the API."""
    allowed = {
        (role, action)
        for role, statement in statements(built)
        if "AnswerTable.Arn" in set(resources(statement["Resource"]))
        for action in statement["Action"]
    }
    writes = {
        ("ApiHandlerRole", f"dynamodb:{action}")
        for action in ("DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")
    }
    writes |= {("StreamRole", action) for _, action in writes}
    writes |= {("NotifyListenerRole", f"dynamodb:{action}") for action in ("DeleteItem", "GetItem", "UpdateItem")}
    writes |= {("AfterStateMachineRole", f"dynamodb:{name}") for name in ("GetItem", "PutItem")}
    writes |= {("ReviewStateMachineRole", f"dynamodb:{name}") for name in ("PutItem", "UpdateItem")}
    assert allowed == writes | {("ChatStateMachineRole", f"dynamodb:{action}") for action in ("Query", "UpdateItem")}
    assert {text for role, item in statements(built) for text in resources(item["Resource"]) if "Table" in text} == {
        "AnswerTable.Arn",
        "CallerTable.Arn",
    }


def test_each_guard_may_use_only_its_own_guardrail(built: Built) -> None:
    """A layer's role names that layer's guardrail, made or given, and those that the operator allows to evaluate; the
    API's role that of the input layer. A candidate is a version of an outer layer's guardrail, or an allowed one."""
    used = {
        role: [text for _, statement in group for text in resources(statement["Resource"])]
        for role in built.resources("AWS::IAM::Role")
        if (
            group := [
                item for item in statements(built) if item[0] == role and "bedrock:ApplyGuardrail" in item[1]["Action"]
            ]
        )
    }
    arn = "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:guardrail/${%sGuardrailIdentifier}"
    outer = ["GuardrailPreprocess.GuardrailArn", "GuardrailPostprocess.GuardrailArn"]
    assert used == {
        "JudgeShadowRole": [*outer, _PROFILES, "OtherGuardrailArns"],
        "ApiHandlerRole": ["GuardrailPreprocess.GuardrailArn", arn % "Preprocess", _PROFILES],
        "GuardInputRole": ["GuardrailPreprocess.GuardrailArn", arn % "Preprocess", _PROFILES, "OtherGuardrailArns"],
        "InvokeModelRole": [  # that of the answer judges pieces
            *("GuardrailModel.GuardrailArn", arn % "Bedrock", _PROFILES, "OtherGuardrailArns"),
            *("GuardrailPostprocess.GuardrailArn", arn % "Postprocess", _PROFILES),
        ],
        "GuardRewriteRole": ["GuardrailPreprocess.GuardrailArn", arn % "Preprocess", _PROFILES, "OtherGuardrailArns"],
        "RewriteQuestionRole": ["GuardrailModel.GuardrailArn", arn % "Bedrock", _PROFILES, "OtherGuardrailArns"],
        "GuardPassagesRole": ["GuardrailPassages.GuardrailArn", arn % "Passage", _PROFILES],
        "GuardAnswerRole": ["GuardrailPostprocess.GuardrailArn", arn % "Postprocess", _PROFILES, "OtherGuardrailArns"],
    }


def test_the_websocket_api_has_the_routes_of_the_embedded_one(built: Built) -> None:
    """All go to one Lambda; only $connect lets a client in, by its ticket; nothing logs a message or a query string."""
    routes = built.resources("AWS::ApiGatewayV2::Route").values()
    assert {route["RouteKey"] for route in routes} == set(ROUTES) == set(WEBSOCKET_API.routes)
    assert {json.dumps(route["Target"]) for route in routes} == {'{"Fn::Sub": "integrations/${StreamIntegration}"}'}
    (stage,) = built.resources("AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"]["DataTraceEnabled"] is False
    assert stage["StageName"] == WEBSOCKET_API.stage
    logged = stage["AccessLogSettings"]["Fn::If"][1]["Format"]
    assert "ticket" not in logged
    assert "query" not in logged.lower()
    (permission,) = built.resources("AWS::Lambda::Permission")["StreamPermission"]["SourceArn"].values()
    assert permission.endswith(":${StreamApi}/live/*")


def test_streaming_is_made_only_where_it_is_on(built: Built) -> None:
    """Streaming=no makes no WebSocket API and no state machine after the chat: it costs nothing."""
    assert built.template["Parameters"]["Streaming"]["Default"] == "no"
    assert built.template["Parameters"]["StreamingMode"]["AllowedValues"] == [str(mode) for mode in Mode]
    made = {
        name: item.get("Condition")
        for name, item in built.template["Resources"].items()
        if item["Type"].startswith("AWS::ApiGatewayV2::") or name.startswith("After")
    }
    assert len(made) >= 11
    assert set(made.values()) == {"StreamingOn", "AfterOn"}
