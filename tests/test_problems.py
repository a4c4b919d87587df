"""What fuzzing over the OpenAPI document found: methods of a path, truth values, the shape of spans."""

from fastapi.testclient import TestClient
from test_api import problem


def test_a_wrong_method_is_answered_with_all_that_are_allowed(client: TestClient) -> None:
    for path, methods in (("/v1/documents", "GET, POST"), ("/v1/answers/x", "DELETE, GET"), ("/v1/ask", "POST")):
        response = client.put(path)
        problem(response, 405, "method_not_allowed")
        assert response.headers["allow"] == methods


def test_a_number_is_no_truth_value(client: TestClient) -> None:
    errors = problem(client.post("/v1/ask", json={"question": "AI", "store": 0}), 422, "invalid_request")["errors"]
    assert [error["pointer"] for error in errors] == ["/store"]
    errors = problem(client.post("/v1/search", json={"query": "AI", "explain": 1}), 422, "invalid_request")["errors"]
    assert [error["pointer"] for error in errors] == ["/explain"]


def test_spans_and_events_are_described(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    spans = described["components"]["schemas"]["PassageOut"]["properties"]["spans"]["items"]
    assert spans == {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
    events = described["paths"]["/v1/ask"]["post"]["responses"]["200"]["content"]["text/event-stream"]["itemSchema"]
    assert events["properties"]["event"]["enum"] == ["retrieval", "sentence", "done", "error"]
