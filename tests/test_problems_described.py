"""The OpenAPI document says of problems what is sent."""

from fastapi import FastAPI
from pydantic import BaseModel

from broker.gateway.problems import MEDIA_TYPE, documented, install_problems


class Said(BaseModel):
    text: str


def test_a_problem_is_described_with_its_own_media_type_alone():
    app = FastAPI()
    install_problems(app)

    @app.get("/said", responses=documented(404, 503))
    async def said() -> Said:
        return Said(text="well")

    responses = app.openapi()["paths"]["/said"]["get"]["responses"]

    assert {status: list(each["content"]) for status, each in responses.items()} == {
        "200": ["application/json"],
        "404": [MEDIA_TYPE],
        "503": [MEDIA_TYPE],
    }
    assert "ProblemDetails" in app.openapi()["components"]["schemas"]
