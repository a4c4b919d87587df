// The API's documentation, from the OpenAPI document that the service serves.

SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, tryItOutEnabled: true });
