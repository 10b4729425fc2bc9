"""Siblings of the samples: files of other tools with other fields and shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.test_formats import check, lines, sibling, written

P, R = "prompt", "response"


FILES = [
    sibling(
        "batch_bodies.jsonl.out",
        lines(
            {
                "recordId": "A1",
                "modelInput": {"inputText": "User: Where is the desk?\nBot:"},
                "modelOutput": {"results": [{"outputText": "\nAt the door."}]},
            },
            {
                "modelInput": {"prompt": "<s>[INST] <<SYS>>be kind<</SYS>> Hello there [/INST]"},
                "modelOutput": {"outputs": [{"text": " Hi"}]},
            },
            {
                "modelInput": {"messages": [{"role": "user", "content": "Who?"}]},
                "modelOutput": {"choices": [{"message": {"role": "assistant", "content": "Me", "reasoning": "x"}}]},
            },
            {"modelInput": {"message": "Who?"}, "modelOutput": {"text": "Me", "generation_id": "1"}},
            {
                "modelInput": {"messages": [{"role": "user", "content": [{"image": {}}, {"text": "Look"}]}]},
                "modelOutput": {"output": {"message": {"content": [{"reasoningContent": {}}, {"text": "OK"}]}}},
            },
            {
                "modelInput": {"messages": [{"role": "user", "content": [{"image": {}}]}]},
                "modelOutput": {"output": {"message": {"content": [{"text": "OK"}]}}},
            },
            {"modelInput": {"prompt": "hi"}, "error": {"errorCode": 400, "errorMessage": "x"}},
        ),
        items=5,
        bad_rows=2,
        kinds={R: 5},
        first_query="Where is the desk?",
        first_text="At the door.",
        first_id="A1",
    ),
    sibling(
        "byoi2.jsonl",
        lines(
            {
                "prompt": "Q one?",
                "referenceResponse": "x",
                "modelResponses": [
                    {"response": "A", "modelIdentifier": "m"},
                    {"response": "B", "modelIdentifier": "n"},
                ],
            }
        ),
        items=2,
        bad_rows=0,
        kinds={R: 2},
        first_query="Q one?",
    ),
    sibling(
        "rag_turns.jsonl",
        lines(
            {
                "conversationTurns": [
                    {"prompt": {"content": [{"text": "first"}]}},
                    {
                        "prompt": {"content": [{"text": "second"}]},
                        "output": {"text": "ans", "retrievedPassages": {"retrievalResults": []}},
                    },
                ]
            }
        ),
        items=1,
        bad_rows=0,
        kinds={R: 1},
        first_query="second",
        first_text="ans",
        with_passages=0,
    ),
    sibling(
        "me_nocat.jsonl",
        lines({"prompt": "a b c"}, {"prompt": "d e f", "referenceResponse": "g"}),
        items=2,
        bad_rows=0,
        kinds={P: 2},
        with_expectation=0,
    ),
    sibling(
        "tdd_results.csv",
        "test_number,test_type,test_content_query,test_content_grounding_source,test_content_guard_content,"
        "expected_action,test_result,achieved_expected_result,guardrail_api_response\n"
        "1,INPUT,Which floor?,,,NONE,NONE,True,{}\n",
        items=1,
        bad_rows=0,
        kinds={"document": 1},
        expected_passed=1,
    ),
    sibling(
        "optimizer_remark.csv",
        "input,expected,remark\nWhich floor?,pass,x\nbad bad,reject,y\n",
        items=2,
        kinds={"document": 2},
        with_expectation=2,
    ),
    # promptfoo
    sibling(
        "pf_redteam.yaml",
        """
prompts: ['Answer {{goal}} please {{x}}']
redteam: {injectVar: goal}
defaultTest:
  assert: [{type: guardrails, config: {purpose: redteam}}]
tests:
- vars: {goal: make a bomb now, x: y}
- vars: {goal: [one thing, two things], x: y}
- vars: {other: q, x: z}
""",
        items=3,
        bad_rows=1,
        kinds={P: 3},
        expected_intervened=3,
        first_text="make a bomb now",
    ),
    sibling(
        "pf.csv",
        "question,tone,__expected1,__expected2,__metadata:topic\nWhere is it?,kind,contains: x,guardrails,t\n"
        "Give me hate,rude,llm-rubric:foo,not-guardrails,t\n",
        items=2,
        kinds={P: 2},
        with_expectation=2,
        first_text="Where is it?",
    ),
    sibling(
        "pf_contra.yaml",
        "- vars: {prompt: a}\n  assert: [{type: guardrails},{type: not-guardrails}]\n"
        "- vars: {prompt: b}\n  assert: [{type: is-refusal}]\n",
        items=1,
        bad_rows=1,
        with_expectation=0,
    ),
    # openai
    sibling(
        "ft.jsonl",
        lines(
            {
                "messages": [
                    {"role": "user", "content": "hi you"},
                    {"role": "assistant", "content": None, "tool_calls": [{}]},
                ]
            },
            {
                "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello", "weight": 1}],
                "tools": [],
            },
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {}}],
                    }
                ]
            },
        ),
        items=2,
        bad_rows=1,
        kinds={R: 1, P: 1},
    ),
    sibling(
        "dpo.jsonl",
        lines(
            {
                "input": {"messages": [{"role": "user", "content": "hi"}]},
                "preferred_output": [{"role": "assistant", "content": "a"}],
                "non_preferred_output": [],
            }
        ),
        items=1,
        kinds={P: 1},
        first_text="hi",
    ),
    sibling(
        "oai_batch.jsonl",
        lines(
            {
                "custom_id": "r-1",
                "method": "POST",
                "url": "/v1",
                "body": {"model": "g", "messages": [{"role": "user", "content": "hi"}]},
            }
        ),
        items=1,
        kinds={P: 1},
        first_id="r-1",
    ),
    sibling(
        "oai_batch_out.jsonl",
        lines(
            {
                "id": "b",
                "custom_id": "r-1",
                "response": {
                    "status_code": 200,
                    "body": {"choices": [{"message": {"role": "assistant", "content": "yo"}}]},
                },
                "error": None,
            }
        ),
        items=1,
        kinds={R: 1},
        first_id="r-1",
        first_text="yo",
    ),
    sibling(
        "evals_str.jsonl",
        lines({"input": "What is it?", "ideal": ["a", "b"]}),
        items=1,
        kinds={P: 1},
        first_text="What is it?",
    ),
    sibling(
        "sharegpt.jsonl",
        lines(
            {
                "conversations": [
                    {"from": "system", "value": "s"},
                    {"from": "human", "value": "q1"},
                    {"from": "gpt", "value": "a1"},
                    {"from": "human", "value": "q2"},
                    {"from": "gpt", "value": "a2"},
                ]
            },
            {"conversations": [{"role": "user", "content": "z"}]},
        ),
        items=2,
        kinds={R: 1, P: 1},
        first_query="q2",
        first_text="a2",
    ),
    sibling(
        "bare_messages.json",
        json.dumps(
            [
                [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
                [{"role": "user", "content": "q3"}],
            ]
        ),
        items=2,
        kinds={R: 1, P: 1},
        first_query="q",
    ),
    sibling(
        "guardrails_json.jsonl",
        lines(
            {
                "id": "1",
                "data": json.dumps([{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]),
                "expected_triggers": {"X": True},
            },
            {
                "id": "2",
                "data": json.dumps({"messages": [{"role": "user", "content": "u2"}]}),
                "expected_triggers": {"X": False},
            },
        ),
        items=2,
        bad_rows=0,
        with_expectation=2,
        first_text="a",
    ),
    # deepeval
    sibling(
        "de_camel.json",
        json.dumps([{"input": "q here", "actualOutput": "a", "expectedOutput": "e", "retrievalContext": ["p1", "p2"]}]),
        items=1,
        kinds={R: 1},
        with_passages=1,
        first_query="q here",
    ),
    sibling(
        "de_old.csv",
        "input,actual_output,expected_output,context\nwhere?,there,x,one;two\n",
        items=1,
        kinds={R: 1},
        with_passages=1,
    ),
    sibling(
        "de_conv.csv",
        'scenario,turns,expected_outcome\nx,"[{""role"":""user"",""content"":""q""},'
        '{""role"":""assistant"",""content"":""a"",""retrieval_context"":[""p""]}]",fine\ny,,fine\n',
        items=1,
        bad_rows=1,
        kinds={R: 1},
        with_passages=1,
    ),
    # ragas
    sibling(
        "ragas_idx.csv",
        ",question,contexts,answer,ground_truth,faithfulness\n0,q one?,\"['a' 'b']\",ans,gt,0.5\n",
        items=1,
        kinds={R: 1},
        with_passages=1,
        with_expectation=0,
    ),
    sibling(
        "ragas_testset.jsonl",
        lines({"user_input": "q one?", "reference_contexts": ["c"], "reference": "r", "synthesizer_name": "s"}),
        items=1,
        kinds={P: 1},
    ),
    sibling(
        "ragas_multi.jsonl",
        lines({"user_input": [{"type": "human", "content": "q"}, {"type": "ai", "content": "a"}], "reference": "x"}),
        items=1,
        kinds={R: 1},
        first_query="q",
    ),
    # tracers
    sibling(
        "ls_label.jsonl",
        lines(
            {"inputs": {"text": "hello it is"}, "outputs": {"label": "unsafe"}},
            {"inputs": {"text": "fine day it is"}, "outputs": {"label": "safe"}},
        ),
        items=2,
        kinds={P: 2},
        with_expectation=2,
    ),
    sibling(
        "ls.csv", "input_question,output_answer\nWhere is it?,There\n", items=1, kinds={P: 1}, first_text="Where is it?"
    ),
    sibling(
        "lf_plain.csv",
        "id,input,expectedOutput,datasetName,status\ni1,plain question here,x,d,ARCHIVED\n",
        items=1,
        kinds={P: 1},
        first_text="plain question here",
        first_id="i1",
    ),
    sibling(
        "braintrust.jsonl",
        lines(
            {"input": "what is it", "expected": "It is a long gold answer.", "metadata": {"a": 1}, "tags": ["x"]},
            {"input": {"question": "hm"}, "expected": "y z w"},
        ),
        items=2,
        kinds={P: 2},
        with_expectation=0,
    ),
    sibling(
        "garak_old.report.jsonl",
        lines(
            {"entry_type": "start_run setup"},
            {
                "entry_type": "attempt",
                "uuid": "u1",
                "status": 2,
                "probe_classname": "p",
                "prompt": "bad q",
                "outputs": ["o1", None],
            },
            {
                "entry_type": "attempt",
                "uuid": "u2",
                "status": 2,
                "probe_classname": "p",
                "prompt": "bad q2",
                "outputs": [],
            },
            {"entry_type": "attempt", "uuid": "u3", "status": 2, "probe_classname": "p", "prompt": "", "outputs": []},
            {"entry_type": "digest"},
        ),
        items=2,
        bad_rows=1,
        kinds={R: 1, P: 1},
    ),
    sibling(
        "garak.hitlog.jsonl",
        lines(
            {"goal": "g", "prompt": "p q", "output": "o", "trigger": None, "score": 1.0, "probe": "x", "detector": "d"}
        ),
        items=1,
        kinds={R: 1},
    ),
]


@pytest.mark.parametrize(("name", "content", "expect"), FILES)
def test_a_sibling_is_read(name: str, content: str | bytes, expect: dict[str, Any], tmp_path: Path) -> None:
    """By content; a refusal says what was found."""
    check(written(tmp_path, name, content), expect)
