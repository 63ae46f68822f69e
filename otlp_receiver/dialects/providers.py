"""Provider names as the OpenTelemetry convention spells them; frameworks are not providers."""

from __future__ import annotations

KNOWN = frozenset(
    [
        "openai",
        "anthropic",
        "aws.bedrock",
        "azure.ai.inference",
        "azure.ai.openai",
        "cohere",
        "deepseek",
        "gcp.gemini",
        "gcp.gen_ai",
        "gcp.vertex_ai",
        "groq",
        "ibm.watsonx.ai",
        "mistral_ai",
        "perplexity",
        "x_ai",
        "moonshot_ai",
    ]
)
"""The values of ``gen_ai.provider.name`` that the convention lists."""

FRAMEWORKS = frozenset(
    [
        "langchain",
        "langgraph",
        "strands-agents",
        "strands",
        "strands_agents",
        "gcp.vertex.agent",
        "microsoft.agent_framework",
        "agent_framework",
        "crewai",
        "llama_index",
        "llamaindex",
        "autogen",
        "pydantic-ai",
        "pydantic_ai",
        "semantic_kernel",
        "semantic-kernel",
        "openai-agents",
        "openai_agents",
        "openai.agents",
        "haystack",
        "dspy",
        "litellm",
        "traceloop",
        "smolagents",
        "agno",
        "mcp",
        "spring_ai",
    ]
)
"""Names of frameworks that instrumentations write where a provider is expected."""

_ALIASES = {
    "az.ai.inference": "azure.ai.inference",
    "azure_ai": "azure.ai.inference",
    "azure-ai": "azure.ai.inference",
    "azure.ai": "azure.ai.inference",
    "azure_ai_inference": "azure.ai.inference",
    "azure-ai-inference": "azure.ai.inference",
    "azureaiinference": "azure.ai.inference",
    "azure_text": "azure.ai.openai",
    "azure.openai": "azure.ai.openai",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azureopenai": "azure.ai.openai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "vertex": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "vertex.anthropic": "gcp.vertex_ai",
    "googlevertexai": "gcp.vertex_ai",
    "googleai": "gcp.gemini",
    "google_ai": "gcp.gemini",
    "google_ai_studio": "gcp.gemini",
    "google_ai_gemini": "gcp.gemini",
    "gcp.genai": "gcp.gen_ai",
    "cohere_chat": "cohere",
    "text-completion-openai": "openai",
    "watsonx_ai": "ibm.watsonx.ai",
    "watsonx_text": "ibm.watsonx.ai",
    "bedrock_runtime": "aws.bedrock",
    "bedrock-runtime": "aws.bedrock",
    "google.vertex": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google-genai": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "google_generativeai": "gcp.gemini",
    "google-gla": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "xai": "x_ai",
    "x.ai": "x_ai",
    "mistralai": "mistral_ai",
    "mistral": "mistral_ai",
    "aws": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "watsonx": "ibm.watsonx.ai",
    "ibm": "ibm.watsonx.ai",
    "moonshot": "moonshot_ai",
    "moonshotai": "moonshot_ai",
}

_NAME_LENGTH_MAX = 64


def provider(name: str) -> str | None:
    """The provider's conventional name; None for a framework, or for text that is no name.

    A name the convention does not list stays as sent, in lower case: the list is open. Very old
    custom code wrote the system *prompt* under ``gen_ai.system``: a text with spaces is no name.
    """
    bare = name.strip().strip("\"'").lower()
    if not bare or bare in FRAMEWORKS or len(bare) > _NAME_LENGTH_MAX or " " in bare:
        return None
    if bare in KNOWN:
        return bare
    if bare in _ALIASES:
        return _ALIASES[bare]
    head = bare.split(".", 1)[0]
    if bare.endswith((".chat", ".messages", ".responses", ".completion", ".embedding")) or (
        "." in bare and head in {"openai", "anthropic", "cohere", "groq", "deepseek", "perplexity"}
    ):
        bare = bare.rsplit(".", 1)[0]
        return _ALIASES.get(bare, bare)
    return bare
