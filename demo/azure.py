"""Bodies of Azure resources as Azure Resource Manager returns them: a container app, and a web app with a compose file.

Sources: https://learn.microsoft.com/rest/api/containerapps/container-apps/get and
https://learn.microsoft.com/rest/api/appservice/web-apps/get.
"""

import base64
from collections.abc import Mapping, Sequence

ENVIRONMENT = {"environment": "production"}

type Body = Mapping[str, object]


def container_app(resource_id: str, *, image: str, revision: str, traffic: Sequence[Body]) -> Body:
    """Return a container app whose latest revision runs an image, with the traffic of all its revisions."""
    return {
        "id": resource_id,
        "location": "West Europe",
        "tags": ENVIRONMENT,
        "properties": {
            "provisioningState": "Succeeded",
            "latestRevisionName": revision,
            "latestReadyRevisionName": revision,
            "configuration": {
                "activeRevisionsMode": "Multiple",
                "ingress": {"external": True, "targetPort": 8080, "traffic": list(traffic)},
            },
            "template": {"containers": [{"name": "main", "image": image}]},
        },
    }


def web_app(resource_id: str, *, images: Mapping[str, str]) -> Body:
    """Return a web app with a compose file of services and their images."""
    compose = "services:\n" + "".join(f"  {service}:\n    image: {image}\n" for service, image in images.items())
    version = f"COMPOSE|{base64.b64encode(compose.encode()).decode()}"
    return {
        "id": resource_id,
        "kind": "app,linux,container",
        "location": "West Europe",
        "tags": ENVIRONMENT,
        "properties": {"state": "Running", "enabled": True, "siteConfig": {"linuxFxVersion": version}},
    }
